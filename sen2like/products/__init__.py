"""Input products: one module per family, all giving the same `Product` type."""
