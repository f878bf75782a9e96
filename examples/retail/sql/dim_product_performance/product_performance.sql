CREATE TABLE product_performance WITH (KAFKA_TOPIC = 'product_performance', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT f.product_id AS product_id,
    p.product_name AS product_name,
    SUM(f.quantity) AS sum
  FROM fact_sales f
  LEFT JOIN tbl_product_table p ON f.product_id = p.id
  GROUP BY f.product_id, p.product_name
  EMIT CHANGES;
