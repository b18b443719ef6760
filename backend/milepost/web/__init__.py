"""Pages for people: Jinja2 templates and plain ES modules, no build."""
