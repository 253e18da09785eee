"""Reconstruction jobs (DL0 to DL3 with ctapipe), one folder a job as in `analysis`."""
