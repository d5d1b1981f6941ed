"""Sphinx configuration. The build needs no network."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path

import pypandoc
from sphinx_gallery.sorting import FileNameSortKey

import hyperspy_smartalign

HERE = Path(__file__).resolve().parent

# nbsphinx looks for pandoc on the path; pip has it in a package of its own.
os.environ["PATH"] += os.pathsep + str(Path(pypandoc.get_pandoc_path()).parent)

# Sphinx reads only what lies below this folder. What .ci/run has executed already stays.
NOTEBOOKS = HERE / "generated" / "notebooks"
NOTEBOOKS.mkdir(parents=True, exist_ok=True)
for notebook in (HERE.parent / "notebooks").glob("*.ipynb"):
    executed = NOTEBOOKS / notebook.name
    if not executed.exists() or executed.stat().st_mtime < notebook.stat().st_mtime:
        shutil.copyfile(notebook, executed)

# The gallery closes figures itself; on a screenless machine HyperSpy's plots cannot be shown.
warnings.filterwarnings("ignore", message=".*non-interactive.*")


class ByNumber(FileNameSortKey):
    """Example 10 after example 9."""

    def __call__(self, filename: str) -> tuple[int, str]:
        return int(filename.split("_")[1]), filename


project = "hyperspy_smartalign"
author = "The hyperspy_smartalign developers"
copyright = f"{author}. GPL-3.0-or-later"
release = hyperspy_smartalign.__version__
version = release

extensions = [
    "myst_parser",
    "nbsphinx",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "sphinx-mathjax-offline",
]
exclude_patterns = [
    "_build",
    "examples",
    "benchmarks_table.rst",
    "benchmarks_*_table.rst",
    # What the gallery offers for download is not a page of its own.
    "auto_examples/*.ipynb",
    "auto_examples/*.py",
    "auto_examples/*.json",
    "auto_examples/*.md5",
    "auto_examples/*.zip",
]
templates_path = ["_templates"]
default_role = "py:obj"
# The packages behind some extensions cannot be cached, and say so.
suppress_warnings = ["config.cache"]

autodoc_typehints = "none"
autosummary_generate = True
autosummary_imported_members = True
autosummary_ignore_module_all = False
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

# Those that hold no outputs.
nbsphinx_execute = "auto"
nbsphinx_timeout = 900
nbsphinx_requirejs_path = ""
nbsphinx_widgets_path = ""
nbsphinx_execute_arguments = ["--InlineBackend.rc={'figure.dpi': 96}"]

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"plot_",
    "within_subsection_order": ByNumber,
    "abort_on_example_error": True,
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "min_reported_time": 3600,
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "hyperspy_smartalign"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 7,
    "show_toc_level": 2,
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {
    "index": [],
    "generated/notebooks/*": [],
    "install": [],
    "quick_start": [],
    "theory": [],
    "benchmarks": [],
    "changelog": [],
    "contributing": [],
    "smartalign_users": [],
    "rigidregistration_users": [],
}
