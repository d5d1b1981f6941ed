"""The tools in a Jupyter notebook, by ipywidgets."""
