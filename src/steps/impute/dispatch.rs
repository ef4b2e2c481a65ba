//! The type dispatch of this room: a column's type in, one monomorphic expression out. It happens
//! once per step or array, never per cell.

/// Runs an expression with `$T` bound to the native type of a column's cells, or another for text.
macro_rules! with_column_kind {
    ($data_type:expr, $T:ident => $fixed:expr, text => $text:expr) => {
        match $data_type {
            $crate::base::DataType::Int64 | $crate::base::DataType::Timestamp { .. } => {
                type $T = i64;
                $fixed
            }
            $crate::base::DataType::Float64 => {
                type $T = f64;
                $fixed
            }
            $crate::base::DataType::Boolean => {
                type $T = bool;
                $fixed
            }
            $crate::base::DataType::Date => {
                type $T = i32;
                $fixed
            }
            $crate::base::DataType::Decimal { .. } => {
                type $T = i128;
                $fixed
            }
            $crate::base::DataType::Utf8 | $crate::base::DataType::Categorical => $text,
        }
    };
}

/// As `with_column_kind`, for methods that text and flags do not have.
macro_rules! with_measure {
    ($data_type:expr, $T:ident => $fixed:expr) => {
        match $data_type {
            $crate::base::DataType::Int64 | $crate::base::DataType::Timestamp { .. } => {
                type $T = i64;
                $fixed
            }
            $crate::base::DataType::Float64 => {
                type $T = f64;
                $fixed
            }
            $crate::base::DataType::Date => {
                type $T = i32;
                $fixed
            }
            $crate::base::DataType::Decimal { .. } => {
                type $T = i128;
                $fixed
            }
            $crate::base::DataType::Boolean
            | $crate::base::DataType::Utf8
            | $crate::base::DataType::Categorical => {
                unreachable!("refused when the step was made")
            }
        }
    };
}
