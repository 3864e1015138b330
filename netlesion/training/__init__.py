"""Learning: losses, one LightningModule, one LightningDataModule. Does not import inference."""
