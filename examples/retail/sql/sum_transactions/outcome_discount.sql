CREATE STREAM outcome_discount WITH (KAFKA_TOPIC = 'outcome_discount', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT id AS sales_id,
    'outcome' AS type,
    branch_id,
    CAST(NULL AS STRING) AS employee_id,
    CONCAT('Outcome Discount ', disc_name) AS description,
    order_date AS date,
    CAST(CAST(price AS DECIMAL(18,2)) * quantity * disc / 100 AS DECIMAL(18,2)) AS amount
  FROM fact_sales
  WHERE disc IS NOT NULL
  EMIT CHANGES;
