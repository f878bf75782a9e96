-- The warehouse as its owner made it: Sluice writes the columns of its outputs and leaves last_updated_at to the server.
-- Keys need a collation that tells every two keys apart, or an upsert would merge them; each column says it, for a tp3 that is
-- there already. MySQL 8 calls it utf8mb4_0900_bin. window_start_time has a default because older servers give the first TIMESTAMP
-- without one an ON UPDATE.
CREATE DATABASE IF NOT EXISTS tp3 CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
USE tp3;

CREATE TABLE IF NOT EXISTS total_depense_par_user_type (
    user_id VARCHAR(255) COLLATE utf8mb4_nopad_bin NOT NULL,
    transaction_type VARCHAR(255) COLLATE utf8mb4_nopad_bin NOT NULL,
    total_depense_usd DECIMAL(15, 2),
    last_updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    PRIMARY KEY (user_id, transaction_type)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS transaction_lifecycle (
    transaction_id VARCHAR(255) COLLATE utf8mb4_nopad_bin NOT NULL PRIMARY KEY,
    status_history JSON,
    last_update_time TIMESTAMP(6) NULL DEFAULT NULL,
    last_updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS total_par_type_5min_sliding (
    window_start_time TIMESTAMP NOT NULL DEFAULT '2000-01-01 00:00:00',
    transaction_type VARCHAR(255) COLLATE utf8mb4_nopad_bin NOT NULL,
    total_amount_5min DECIMAL(15, 2),
    last_updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    PRIMARY KEY (window_start_time, transaction_type)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS product_purchase_counts (
    product_id VARCHAR(255) COLLATE utf8mb4_nopad_bin NOT NULL PRIMARY KEY,
    purchase_count BIGINT DEFAULT 0,
    last_updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP
) ENGINE = InnoDB;

-- Not written by the job: who may read which folder of the lake.
CREATE TABLE IF NOT EXISTS user_permissions (
    user_id VARCHAR(255) COLLATE utf8mb4_nopad_bin NOT NULL,
    folder_path VARCHAR(512) COLLATE utf8mb4_nopad_bin NOT NULL,
    permission ENUM('read', 'write', 'none') NOT NULL DEFAULT 'none',
    PRIMARY KEY (user_id, folder_path)
) ENGINE = InnoDB;
