# SPDX-License-Identifier: Apache-2.0
"""How Sphinx builds these pages: tools/dev.sh docs."""

import fastdnn

project = "fastdnn"
author = copyright = "fastdnn developers"
release = version = fastdnn.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Shapes", "Source"]
autodoc_member_order = "bysource"
napoleon_use_ivar = True
default_role = "code"
