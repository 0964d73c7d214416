"""The training loop: SAM and HQ parts together, then the HQ part alone.

One process, one device, resumable at any step: a checkpoint holds weights,
their running average, optimiser state and the step. Schedules count steps, so
a slow or busy machine changes nothing but the time.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from napari_hqsam.datasets.labelled import NETWORKS, Dataset, LabelledImage
from napari_hqsam.network import HQ_MODULES, HQSAM, TileFeatures
from napari_hqsam.network.transforms import PIXEL_MEAN, PIXEL_STD
from napari_hqsam.training.augment import jitter
from napari_hqsam.training.crops import Crop, sample_crop
from napari_hqsam.training.initial import initial_network, with_instance_decoder
from napari_hqsam.training.instances import instance_loss
from napari_hqsam.training.losses import prompt_loss
from napari_hqsam.training.mixing import mosaic, paste
from napari_hqsam.training.sampling import (
    Targets,
    corrected,
    first_prompts,
    pick_objects,
)
from napari_hqsam.training.synthetic import synthetic_image
from napari_hqsam.training.validate import validate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LOG_EVERY, VALIDATE_EVERY = 50, 500
"""Steps between lines of the log; a validation takes about as long as 20 steps."""
ESTIMATE_AFTER = 5
"""Steps after which the remaining time of a run is printed."""
INSTANCE_WEIGHT = 0.3
"""Weight of the instance decoder's loss; that of the prompts has weight 1."""


@dataclass(frozen=True)
class Stage:
    """A stage of training with a schedule of its own.

    Attributes
    ----------
    steps : int
        Optimiser steps.
    side : int
        Side of the crops, pixels; 32 divides it.
    images, prompts : int
        Crops per step and prompts per crop.
    lr : tuple of float
        Learning rate at the start and the end, with cosine decay between them.
    sizes : tuple of float
        Objects' longer side in the crop, pixels (log-uniform).
    balance : tuple of float
        Weight of the balanced BCE at the start and the end; the rest is focal.
    rounds : tuple of float
        Probabilities of 0, 1, 2, ... corrective clicks.
    clicks : float
        Fraction of first prompts that are a single click.
    drawn : float
        Probability that a step renders its prompts into the mask input.
    hq_only : bool
        Train the HQ modules alone, all else frozen (HQ-SAM paper, section 3.3).
    synthetic : float
        Fraction of crops from synthetic images.
    elastic, pasted, mosaic : float
        Probabilities of elastic deformation, of pasting objects of another crop of
        the data set, and of joining two crops.
    mean_with : int, optional
        Begin with the mean of the averaged weights so far and those of this earlier
        step, the end of a stage (Wortsman et al., "Model soups", ICML 2022).
    """

    steps: int
    side: int = 224
    images: int = 4
    prompts: int = 8
    lr: tuple[float, float] = (5e-4, 5e-4)
    sizes: tuple[float, float] = (10.0, 180.0)
    balance: tuple[float, float] = (1.0, 1.0)
    rounds: tuple[float, ...] = (0.6, 0.25, 0.15)
    clicks: float = 0.42
    drawn: float = 1.0
    hq_only: bool = False
    synthetic: float = 0.15
    elastic: float = 0.0
    pasted: float = 0.0
    mosaic: float = 0.0
    mean_with: int | None = None


@dataclass(frozen=True)
class Recipe:
    """Everything that determines the weights, except the data."""

    stages: tuple[Stage, ...]
    variant: str = "vit_tiny"
    input_size: int = 448
    weights: dict[str, float] = field(default_factory=dict)
    weight_decay: float = 0.05
    warmup: int = 200
    ema: float = 0.998
    seed: int = 0

    @property
    def steps(self) -> int:
        """Steps of all stages."""
        return sum(s.steps for s in self.stages)


def is_hq(key: str) -> bool:
    """Whether a parameter belongs to what HQ-SAM adds to SAM."""
    return key.startswith(tuple(f"mask_decoder.{m}." for m in HQ_MODULES))


class Trainer:
    """Runs a recipe, with checkpoints in a folder.

    Parameters
    ----------
    recipe : Recipe
        Stages and hyperparameters.
    train : list of Dataset
        Training images, on `device`.
    folder : Path
        Folder of ``checkpoint.pt`` and ``log.jsonl``.
    device : str
        "cpu" or "cuda".
    bf16 : bool
        Autocast to bfloat16.
    validation : list of Dataset
        Scored every `VALIDATE_EVERY` steps for the learning curve; the training does
        not depend on it.
    network : HQSAM, optional
        Weights to start from instead of `initial_network`.
    encoder_weights : Path, optional
        See `initial_network`.
    frozen : tuple of str
        Parameters whose names begin with one of these are never trained.
    """

    def __init__(
        self,
        recipe: Recipe,
        train: list[Dataset],
        folder: Path,
        device: str = "cpu",
        *,
        bf16: bool = False,
        validation: Sequence[Dataset] = (),
        network: HQSAM | None = None,
        encoder_weights: Path | None = None,
        frozen: tuple[str, ...] = (),
    ) -> None:
        self.recipe, self.train, self.folder = recipe, train, folder
        self.device, self.bf16 = torch.device(device), bf16
        self.validation, self.frozen = list(validation), frozen
        torch.manual_seed(recipe.seed)
        if network is None:
            network = initial_network(
                recipe.variant, recipe.input_size, encoder_weights=encoder_weights
            )
        self.network = with_instance_decoder(network).to(self.device)
        self.average = {k: v.clone() for k, v in self.network.state_dict().items()}
        self.optimizer = self._make_optimizer()
        self.step = 0
        self.stopping = False
        weights = np.array([recipe.weights.get(d.name, 1.0) for d in train])
        self.chances = weights / weights.sum()
        folder.mkdir(parents=True, exist_ok=True)

    def _make_optimizer(self) -> torch.optim.Optimizer:
        groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
        for p in self.network.parameters():
            groups[p.ndim >= 2].append(p)
        return torch.optim.AdamW(
            [
                {"params": groups[True], "weight_decay": self.recipe.weight_decay},
                {"params": groups[False], "weight_decay": 0.0},
            ],
            lr=1e-4,
            betas=(0.9, 0.98),
            fused=True,
        )

    # --- steps -----------------------------------------------------------

    def run(self, until: int | None = None, save_every: float = 180.0) -> None:
        """Train to the end of the recipe (or a step), resuming where it stopped.

        Parameters
        ----------
        until : int, optional
            Stop before this step.
        save_every : float
            Seconds between checkpoints.
        """
        end = min(self.recipe.steps, until or self.recipe.steps)
        started = saved = time.monotonic()
        first, losses = self.step, []
        while self.step < end and not self.stopping:
            stage, progress = self._stage()
            if stage.mean_with is not None and progress == 0:
                self._take_mean(stage.mean_with)
            losses.append(self._train_step(stage, progress))
            self.step += 1
            if any(s.mean_with == self.step for s in self.recipe.stages):
                torch.save(self.average, self._kept(self.step))
            seconds = time.monotonic() - started
            if self.step - first == ESTIMATE_AFTER:
                minutes = self.minutes_left(seconds, first, end)
                print(f"{end - self.step} steps, about {minutes} minutes", flush=True)
            if self.step % LOG_EVERY == 0 or self.step == end:
                self._log(
                    step=self.step,
                    loss=round(float(torch.stack(losses).mean()), 4),
                    seconds_per_step=round(seconds / (self.step - first), 3),
                    minutes_left=self.minutes_left(seconds, first, end),
                )
                losses = []
            if self.validation and self.step % VALIDATE_EVERY == 0:
                scores = validate(self.averaged(), self.validation, crops=2, clicks=1)
                self._log(step=self.step, validation=scores)
            ending = self.step == end or self.stopping
            if ending or time.monotonic() - saved > save_every:
                self.save()
                saved = time.monotonic()

    def stop(self, *_: object) -> None:
        """Save and end `run` after the current step; usable as a signal handler."""
        self.stopping = True

    def minutes_left(self, seconds: float, first: int, end: int) -> float:
        """Estimate the minutes left to a step from the time of the steps so far.

        Stages differ in speed: the cost of a step is taken as proportional to its
        pixels, and half of that if most of the network is frozen.

        Parameters
        ----------
        seconds : float
            Duration of the steps from `first` to the current one.
        first, end : int
            Steps.
        """
        costs = np.concatenate(
            [
                np.full(s.steps, s.images * s.side**2 * (0.5 if s.hq_only else 1.0))
                for s in self.recipe.stages
            ]
        )
        pace = seconds / costs[first : self.step].sum()
        return round(float(pace * costs[self.step : end].sum()) / 60, 1)

    def _stage(self) -> tuple[Stage, float]:
        """Find the stage of the current step, and how far into it (0..1)."""
        begin = 0
        for stage in self.recipe.stages:
            if self.step < begin + stage.steps:
                return stage, (self.step - begin) / stage.steps
            begin += stage.steps
        return self.recipe.stages[-1], 1.0

    def _kept(self, step: int) -> Path:
        return self.folder / f"average-{step}.pt"

    def _take_mean(self, step: int) -> None:
        """Go on from the mean with the averaged weights of an earlier step."""
        path = self._kept(step)
        if not path.exists():
            raise FileNotFoundError(
                f"{path} is missing: the weights of step {step}, of which the mean is "
                "taken; train from the beginning, or from before that step"
            )
        other = torch.load(path, map_location=self.device, weights_only=True)
        for key, value in self.average.items():
            if value.is_floating_point():
                value.lerp_(other[key], 0.5)
        self.network.load_state_dict(self.average)
        self.optimizer = self._make_optimizer()

    def _train_step(self, stage: Stage, progress: float) -> Tensor:
        # Seeded by the step alone, so that a resumed run gives the same weights.
        rng = np.random.default_rng([self.recipe.seed, self.step])
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.step)
        crops, masks = self._batch(stage, rng)
        for group in self.optimizer.param_groups:
            group["lr"] = self._lr(stage, progress)
        self.network.train(not stage.hq_only)
        for key, p in self.network.named_parameters():
            wanted = is_hq(key) or not stage.hq_only
            p.requires_grad_(wanted and not key.startswith(self.frozen))
        rounds = int(rng.choice(len(stage.rounds), p=stage.rounds))
        # Sometimes the prompt is not rendered, so that its tokens alone suffice.
        drawn = bool(rng.random() < stage.drawn)
        self.network.prompt_encoder.render_prompts = drawn
        self.optimizer.zero_grad(set_to_none=True)
        with self._autocast():
            loss = self._loss(stage, crops, masks, progress, rounds, rng)
        loss.backward()
        params = [p for g in self.optimizer.param_groups for p in g["params"]]
        nn.utils.clip_grad_norm_(params, 1.0)
        self.optimizer.step()
        self._update_average()
        return loss.detach()

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        if not self.bf16:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    def _lr(self, stage: Stage, progress: float) -> float:
        high, low = stage.lr
        lr = low + (high - low) * 0.5 * (1 + math.cos(math.pi * progress))
        return lr * min(1.0, (self.step + 1) / self.recipe.warmup)

    def _batch(
        self, stage: Stage, rng: np.random.Generator
    ) -> tuple[list[Crop], Tensor]:
        crops: list[Crop] = []
        masks: list[Tensor] = []
        while len(crops) < stage.images:
            crop = self._crop(stage, rng)
            picked = pick_objects(crop.labels, stage.prompts)
            if picked is not None:
                crops.append(crop)
                masks.append(picked)
        return crops, torch.cat(masks)

    def _crop(self, stage: Stage, rng: np.random.Generator) -> Crop:
        def cut(images: Sequence[LabelledImage], low: float, high: float) -> Crop:
            item = images[int(rng.integers(len(images)))]
            sizes = low, high
            return sample_crop(item, stage.side, rng, sizes, elastic=stage.elastic)

        images: Sequence[LabelledImage]
        if rng.random() < stage.synthetic:
            images = [synthetic_image(rng, self.device)]
        else:
            images = self.train[rng.choice(len(self.train), p=self.chances)].images
        size = float(np.exp(rng.uniform(*np.log(stage.sizes))))
        crop = cut(images, size, size)
        if rng.random() < stage.pasted:
            crop = paste(crop, cut(images, 0.7 * size, 1.4 * size), rng)
        if rng.random() < stage.mosaic:
            crop = mosaic(crop, cut(images, 0.5 * size, 2 * size), rng)
        return crop

    def _loss(
        self,
        stage: Stage,
        crops: list[Crop],
        masks: Tensor,
        progress: float,
        rounds: int,
        rng: np.random.Generator,
    ) -> Tensor:
        images = jitter(torch.stack([c.image for c in crops]))
        mean = images.new_tensor(PIXEL_MEAN)[:, None, None] / 255
        std = images.new_tensor(PIXEL_STD)[:, None, None] / 255
        # The crop lies anywhere on the 16 px raster of the inference frame.
        cells = max(self.recipe.input_size - stage.side, 0) // 16
        corner = rng.integers(0, cells + 1, (len(crops), 2)) * 16
        offset = torch.tensor(corner, dtype=torch.float32, device=self.device)
        each = offset.repeat_interleave(stage.prompts, 0)
        features, early = self.network.encode((images - mean) / std)
        tile = self.network.prepare(features, early, offset)
        # One tile a prompt; the early feature is for the instance decoder alone.
        tile = TileFeatures(
            tile.features.repeat_interleave(stage.prompts, 0),
            tile.hq_features.repeat_interleave(stage.prompts, 0),
            tile.image_pe.repeat_interleave(stage.prompts, 0),
        )
        high, low = stage.balance
        balance = high + (low - high) * progress
        targets = Targets.of(masks)
        prompts = first_prompts(targets, stage.clicks)
        total = features.new_zeros((), dtype=torch.float32)
        for i in range(rounds + 1):
            out = self.network.decode(tile, prompts, offset=each)
            assert out.hq is not None
            answer = out.sam.float(), out.hq.float(), out.iou.float()
            total = total + prompt_loss(*answer, targets, balance).mean()
            if i < rounds:
                prompts = corrected(prompts, out.sam[:, :1].detach(), targets)
        loss = total / (rounds + 1)
        full = [i for i, c in enumerate(crops) if c.full and c.name not in NETWORKS]
        if stage.hq_only or not full:
            return loss
        decoder = self.network.instance_decoder
        assert decoder is not None
        maps = decoder(features[full], early[full])
        instances = instance_loss(maps, [crops[i] for i in full])
        return loss + INSTANCE_WEIGHT * instances

    @torch.no_grad()
    def _update_average(self) -> None:
        # early on the average decays faster, or it would keep the random start
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        state = self.network.state_dict()
        floats = [k for k, v in state.items() if v.is_floating_point()]
        torch._foreach_lerp_(
            [self.average[k] for k in floats], [state[k] for k in floats], 1 - decay
        )
        for key in state.keys() - set(floats):
            self.average[key].copy_(state[key])

    # --- files -----------------------------------------------------------

    def averaged(self) -> HQSAM:
        """Make a network with the running average of the weights."""
        network = HQSAM(
            self.network.variant,
            self.network.input_size,
            render_prompts=True,
            instance_decoder="shuffle",
        )
        network.load_state_dict(self.average)
        return network.to(self.device).eval()

    def save(self) -> None:
        """Write the checkpoint atomically."""
        path = self.folder / "checkpoint.pt"
        part = path.with_suffix(".part")
        torch.save(
            {
                "step": self.step,
                "network": self.network.state_dict(),
                "average": self.average,
                "optimizer": self.optimizer.state_dict(),
            },
            part,
        )
        os.replace(part, path)
        (self.folder / "recipe.json").write_text(
            json.dumps(asdict(self.recipe), indent=1)
        )

    def resume(self) -> bool:
        """Load the checkpoint if there is one."""
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return False
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
        return True

    def _log(self, **entry: object) -> None:
        line = json.dumps({"time": round(time.time()), **entry})
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(line + "\n")
        print(line, flush=True)
