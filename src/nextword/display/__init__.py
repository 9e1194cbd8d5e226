"""What a person looks at: charts, tables, pictures, the page."""
