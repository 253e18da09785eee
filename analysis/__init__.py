"""Science jobs on DL3 data: one folder a job, `job.py` declares it, `worker.py` does it with gammapy."""
