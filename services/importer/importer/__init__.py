"""The importer service: recordings and a table become speeches, all or nothing."""
