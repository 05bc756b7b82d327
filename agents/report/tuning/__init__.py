"""The report of a fine-tuning: what its folder tells (`tuning_record`), and the page that shows it (`tuning_page`)."""
