-- Without the discount, unlike the shops.
CREATE STREAM income_online_store WITH (KAFKA_TOPIC = 'income_online_store', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT id AS sales_id,
    'income' AS type,
    branch_id,
    CAST(NULL AS STRING) AS employee_id,
    CONCAT(product_name, ' sales of ', CAST(quantity AS STRING)) AS description,
    order_date AS date,
    price * quantity AS amount
  FROM fact_sales
  WHERE is_online_transaction = 'true'
  EMIT CHANGES;
