"""What previews and pictures are made of: images, averages and samples of results."""
