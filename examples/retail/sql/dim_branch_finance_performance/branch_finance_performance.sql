CREATE TABLE branch_finance_performance WITH (KAFKA_TOPIC = 'branch_finance_performance', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT u.name AS name,
    o.amount AS outcome,
    v.amount AS gmv,
    r.amount AS revenue,
    g.amount AS gross_profit,
    n.amount AS net_profit
  FROM uss_branch_finance_performance u
  LEFT JOIN outcome_branch_finance_performance o ON u.name = o.name
  LEFT JOIN gmv_branch_finance_performance v ON u.name = v.name
  LEFT JOIN revenue_branch_finance_performance r ON u.name = r.name
  LEFT JOIN gross_profit_branch_finance_performance g ON u.name = g.name
  LEFT JOIN net_profit_branch_finance_performance n ON u.name = n.name
  EMIT CHANGES;
