"""The job type `fit3d`: position, extension and spectrum of a source fitted together to maps."""
