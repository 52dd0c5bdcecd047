"""L2H and L2F products: folders, images, metadata, quality report, STAC item, quicklooks."""
