CREATE TABLE net_profit_branch_finance_performance WITH (KAFKA_TOPIC = 'net_profit_branch_finance_performance', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT o.name AS name,
    g.amount - o.amount AS amount
  FROM outcome_branch_finance_performance o
  LEFT JOIN gross_profit_branch_finance_performance g ON o.name = g.name
  EMIT CHANGES;
