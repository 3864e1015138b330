"""Networks and their checkpoints: tensors in, tensors out. Knows no SUV, no file format of images, no Lightning."""
