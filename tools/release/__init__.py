"""What a release makes besides the image, the chart and the Python package."""
