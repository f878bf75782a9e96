CREATE TABLE uss_branch_finance_performance WITH (KAFKA_TOPIC = 'uss_branch_finance_performance', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT b.name AS name,
    SUM(f.quantity) AS unit_sold
  FROM fact_sales f
  LEFT JOIN tbl_branch_table b ON f.branch_id = b.id
  GROUP BY b.name
  EMIT CHANGES;
