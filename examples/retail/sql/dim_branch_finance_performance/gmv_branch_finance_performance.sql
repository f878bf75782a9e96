CREATE TABLE gmv_branch_finance_performance WITH (KAFKA_TOPIC = 'gmv_branch_finance_performance', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT b.name AS name,
    SUM(CAST(f.quantity * f.price AS DECIMAL(18,2))) AS amount
  FROM fact_sales f
  LEFT JOIN tbl_branch_table b ON f.branch_id = b.id
  GROUP BY b.name
  EMIT CHANGES;
