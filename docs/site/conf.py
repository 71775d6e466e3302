"""Configuration of Sphinx, which makes the HTML site from the Markdown files of the repository (`make docs`).

The source folder is the repository. So a link between two files works on the site as it does in a checkout.
"""

project = "kubeque"
root_doc = "docs/site/index"
include_patterns = [
    "README.md", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md", "docs/*.md", "docs/howto/*.md", "docs/site/index.md",
]  # fmt: skip
exclude_patterns = [".*", "build", "tests"]
extensions = ["myst_parser"]
# Headings have the anchors that they have on GitHub.
myst_heading_anchors = 4
html_theme = "furo"
html_title = "kubeque"
html_favicon = "../images/logo.svg"
smartquotes = False  # "--json" stays as it is
html_copy_source = False
html_show_copyright = False
# The page at the top of the site leads to the first page.
html_extra_path = ["root"]
