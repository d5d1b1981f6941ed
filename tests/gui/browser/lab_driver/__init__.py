"""JupyterLab in Chromium, as a person sees and uses it."""
