"""Label files and the sessions beside them: verify, archive, bring up to date."""
