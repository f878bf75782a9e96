INSERT INTO sum_transactions
  SELECT sales_id, type, branch_id, employee_id, description, date, CAST(amount AS BIGINT) AS amount
  FROM income_online_store;

INSERT INTO sum_transactions
  SELECT sales_id, type, branch_id, employee_id, description, date, CAST(amount AS BIGINT) AS amount
  FROM outcome_delivery;

INSERT INTO sum_transactions
  SELECT sales_id, type, branch_id, employee_id, description, date, CAST(amount AS BIGINT) AS amount
  FROM outcome_discount;
