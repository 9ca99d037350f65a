# SPDX-License-Identifier: Apache-2.0
"""How Sphinx builds these pages: tools/dev.sh docs."""

import fastdnn

project = "fastdnn"
author = copyright = "fastdnn developers"
release = version = fastdnn.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.napoleon"]
myst_enable_extensions = ["dollarmath"]
suppress_warnings = ["myst.xref_missing"]  # links to scripts, which are no pages
html_theme = "furo"
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Shapes", "Source"]
autodoc_member_order = "bysource"
napoleon_use_ivar = True
default_role = "code"
