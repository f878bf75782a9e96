-- The key comes first in the schema, wherever it stands here.
CREATE STREAM sum_transactions WITH (KAFKA_TOPIC = 'sum_transactions', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT type, sales_id, branch_id, employee_id, description, date, amount
  FROM income_offline_store
  EMIT CHANGES;
