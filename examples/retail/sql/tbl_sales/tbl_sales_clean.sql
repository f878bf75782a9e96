CREATE STREAM tbl_sales_clean WITH (KAFKA_TOPIC = 'tbl_sales_clean', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT payload->id AS id,
    payload->product_id AS product_id,
    payload->customer_id AS customer_id,
    payload->branch_id AS branch_id,
    payload->quantity AS quantity,
    payload->payment_method AS payment_method,
    payload->order_date AS order_date,
    payload->order_status AS order_status,
    payload->payment_status AS payment_status,
    payload->shipping_status AS shipping_status,
    payload->is_online_transaction AS is_online_transaction,
    payload->delivery_fee AS delivery_fee,
    payload->is_free_delivery_fee AS is_free_delivery_fee,
    payload->created_at AS created_at,
    payload->modified_at AS modified_at
  FROM tbl_sales_raw
  PARTITION BY payload->id
  EMIT CHANGES;
