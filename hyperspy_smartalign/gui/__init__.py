"""Tools with a dialogue, in the notebook and on the desktop.

`tools` says what each tool does, without a toolkit; `notebook` (ipywidgets) and `desktop`
(traitsui) show them; `pictures` are what they show beside the form, made of what `previews`
compute.
"""
