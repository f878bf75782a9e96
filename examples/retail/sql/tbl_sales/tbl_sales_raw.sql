-- What the change data capture of a sales table sends: the row in an envelope.
CREATE STREAM tbl_sales_raw (payload STRUCT<
    id INT,
    product_id INT,
    customer_id INT,
    branch_id INT,
    quantity INT,
    payment_method INT,
    order_date STRING,
    order_status INT,
    payment_status INT,
    shipping_status INT,
    is_online_transaction STRING,
    delivery_fee INT,
    is_free_delivery_fee STRING,
    created_at STRING,
    modified_at STRING>)
  WITH (KAFKA_TOPIC = 'table.public.tbl_sales', VALUE_FORMAT = 'JSON');
