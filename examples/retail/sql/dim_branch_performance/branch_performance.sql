CREATE TABLE branch_performance WITH (KAFKA_TOPIC = 'branch_performance', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT f.branch_id AS branch_id,
    b.name AS branch_name,
    SUM(f.quantity) AS total_sales,
    SUM(f.amount) AS amount
  FROM fact_sales f
  LEFT JOIN tbl_branch_table b ON f.branch_id = b.id
  GROUP BY f.branch_id, b.name
  EMIT CHANGES;
