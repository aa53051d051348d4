"""All recipes on the assets, and the page of what they reached: `grid` says what, `measure` runs it, `page` writes."""
