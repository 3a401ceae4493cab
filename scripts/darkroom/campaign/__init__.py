"""What is to be made: config, sheet, options, the table of pipelines, plans of large campaigns."""
