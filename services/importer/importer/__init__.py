"""The importer service: recordings and a table become speeches, all of them or none."""
