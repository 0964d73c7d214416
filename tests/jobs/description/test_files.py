"""The file of a job: what is in it, and what is refused by name."""

import json

import pytest

from napari_hqsam.errors import JobError
from napari_hqsam.jobs.description import (
    Inputs,
    Job,
    ModelChoice,
    Outputs,
    Prompted,
    RunOptions,
    read_job,
    write_job,
)

FULL = """
inputs:
  paths: [images, "more/*.tif"]
  pattern: "*.tif"
  channels: [2, 0]
  normalization: [100, 4000]
action: {kind: prompts, prompts: "{folder}/{stem}.csv", mode: each}
model: {name: vit_b, device: ["cuda:0", "cuda:1"]}
options: {level: 1, typical_size: 40}
outputs: {folder: labels, suffix: .tif}
run: {workers: 2, resources: {GPU: 1}}
"""


def job_of(tmp_path, text, name="job.yaml"):
    path = tmp_path / name
    path.write_text(text)
    return read_job(path)


def test_all_of_a_job(tmp_path):
    job = job_of(tmp_path, FULL)
    assert job.inputs.paths == (f"{tmp_path}/images", f"{tmp_path}/more/*.tif")
    assert job.inputs.pattern == ("*.tif",)
    assert job.inputs.normalization == (100.0, 4000.0)
    assert job.action == Prompted(prompts="{folder}/{stem}.csv", mode="each")
    assert job.model == ModelChoice(name="vit_b", device=("cuda:0", "cuda:1"))
    assert (job.options.level, job.options.typical_size) == (1, 40.0)
    assert job.outputs == Outputs(folder=f"{tmp_path}/labels", suffix=".tif")
    assert job.run == RunOptions(workers=2, resources={"GPU": 1.0})


def test_short_forms_and_defaults(tmp_path):
    job = job_of(tmp_path, "inputs: a\noutputs: b\nmodel: vit_b\naction: automatic\n")
    assert job == Job(
        inputs=Inputs(paths=(f"{tmp_path}/a",)),
        outputs=Outputs(folder=f"{tmp_path}/b"),
        model=ModelChoice(name="vit_b"),
    )


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
def test_what_is_written_is_read(tmp_path, name):
    job = job_of(tmp_path, FULL)
    write_job(tmp_path / name, job)
    assert read_job(tmp_path / name) == job
    assert "precision" not in (tmp_path / name).read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input": "a"}, "input is unknown: do you mean inputs?"),
        ({"model": {"nane": "x"}}, "model.nane is unknown: do you mean name?"),
        ({"inputs": {"axes": "yx"}}, "inputs.paths is missing"),
        ({"inputs": []}, "inputs.paths is empty"),
        ({"outputs": {"folder": 3}}, "outputs.folder is 3: it must be text"),
        ({"options": {"clean": 1}}, "options.clean is 1: it must be true or false"),
        ({"options": {"level": 0.5}}, "it must be auto or whole or a whole number"),
        ({"options": {"output": "sam+hg"}}, "do you mean sam+hq?"),
        ({"outputs": {"folder": "b", "suffix": ".png"}}, "use .ome.zarr, .zarr"),
        ({"action": "automatik"}, "do you mean automatic?"),
        ({"action": {"kind": "prompts"}}, "action.prompts is missing"),
        ({"action": {"kind": "automatic", "propser": 1}}, "do you mean proposer?"),
        ({"run": {"workers": 0}}, "run.workers is 0"),
        ({"run": {"workers": True}}, "run.workers is True"),
        ({"inputs": {"paths": "a", "normalization": [1]}}, "inputs.normalization"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, change, message):
    plain = {"inputs": "a", "outputs": "b"} | change
    with pytest.raises(JobError) as raised:
        job_of(tmp_path, json.dumps(plain), "job.json")
    assert message in str(raised.value)
    assert "job.json" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yaml", "inputs: [", "it is no YAML"),
        ("a.json", "{", "it is no JSON"),
        ("a.yaml", "- 1", "write keys and values"),
        ("a.yaml", "", "write keys and values"),
        ("a.yaml", "!!python/object/apply:os.system [ls]", "it is no YAML"),
    ],
)
def test_files_that_are_no_job(tmp_path, name, text, message):
    with pytest.raises(JobError, match=message):
        job_of(tmp_path, text, name)
    with pytest.raises(JobError, match="cannot be read"):
        read_job(tmp_path / "none.yaml")
