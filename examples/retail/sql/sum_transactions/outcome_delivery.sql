CREATE STREAM outcome_delivery WITH (KAFKA_TOPIC = 'outcome_delivery', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT id AS sales_id,
    'outcome' AS type,
    branch_id,
    CAST(NULL AS STRING) AS employee_id,
    'Outcome Delivery' AS description,
    order_date AS date,
    delivery_fee AS amount
  FROM fact_sales
  WHERE is_free_delivery_fee = 'true'
  EMIT CHANGES;
