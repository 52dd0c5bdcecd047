"""What a run did and found, as `report.json` and `report.html`."""
