// Functions of one or two DOUBLEs: trigonometry, logarithms, powers; and where two points on the globe lie.
#include "sql/exec/fn_internal.h"

#include <assert.h>
#include <math.h>

#define PI 3.141592653589793

// NOLINTBEGIN(bugprone-macro-parentheses): x and y are the cells, `value` an expression of them
#define KERNEL_1(name, value)                                                           \
    static void name(const struct fn_call *call, struct column *out,                    \
                     const struct column *const *args, uint32_t n, struct fn_rows rows) \
    {                                                                                   \
        assert(call &&n == 1);                                                          \
        FN_EACH(row, rows)                                                              \
        {                                                                               \
            const double x = args[0]->f64[row];                                         \
            out->f64[row] = (value);                                                    \
        }                                                                               \
    }
#define KERNEL_2(name, value)                                                           \
    static void name(const struct fn_call *call, struct column *out,                    \
                     const struct column *const *args, uint32_t n, struct fn_rows rows) \
    {                                                                                   \
        assert(call &&n == 2);                                                          \
        FN_EACH(row, rows)                                                              \
        {                                                                               \
            const double x = args[0]->f64[row], y = args[1]->f64[row];                  \
            out->f64[row] = (value);                                                    \
        }                                                                               \
    }
// NOLINTEND(bugprone-macro-parentheses)

KERNEL_1(acos_eval, acos(x))
KERNEL_1(asin_eval, asin(x))
KERNEL_1(atan_eval, atan(x))
KERNEL_2(atan2_eval, atan2(x, y))
KERNEL_1(cbrt_eval, (double)cbrtl((long double)x)) // cbrt() is one ulp off for 27
KERNEL_1(cos_eval, cos(x))
KERNEL_1(cosh_eval, cosh(x))
KERNEL_1(cot_eval, 1.0 / tan(x))
KERNEL_1(degrees_eval, x *(180.0 / PI))
KERNEL_1(exp_eval, exp(x))
KERNEL_1(radians_eval, x *(PI / 180.0))
KERNEL_1(sin_eval, sin(x))
KERNEL_1(sinh_eval, sinh(x))
KERNEL_1(sqrt_eval, sqrt(x))
KERNEL_1(tan_eval, tan(x))
KERNEL_1(tanh_eval, tanh(x))
KERNEL_1(ln_eval, log(x))

// Math.pow: like C's, but 1 and -1 raised to NaN or an infinity are NaN.
static double java_pow(double x, double y)
{
    if (y != y || (isinf(y) && fabs(x) == 1))
        return NAN;
    return pow(x, y);
}
KERNEL_2(power_eval, java_pow(x, y))

// LOG(value) is the natural one, LOG(base, value) not.
static void log_eval(const struct fn_call *call, struct column *out,
                     const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(call && n >= 1);
    FN_EACH(row, rows)
    {
        const double x = args[n - 1]->f64[row];
        out->f64[row] = n == 1 ? log(x) : log(x) / log(args[0]->f64[row]);
    }
}

static void pi_eval(const struct fn_call *call, struct column *out,
                    const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(call && args && n == 0);
    FN_EACH(row, rows)
    out->f64[row] = PI;
}

#define EARTH_KM    6371.0
#define EARTH_MILES 3959.0

// Great circle distance by the haversine formula.
static double haversine(const double p[4], double radius)
{
    const double to_radians = PI / 180.0;
    const double half_lat = sin((p[2] - p[0]) * to_radians / 2);
    const double half_lon = sin((p[3] - p[1]) * to_radians / 2);
    const double a =
        half_lat * half_lat + half_lon * half_lon * cos(p[0] * to_radians) * cos(p[2] * to_radians);
    return radius * 2 * asin(sqrt(a));
}

static bool radius_of(double *out, struct str unit)
{
    *out = unit.n && (unit.p[0] == 'm' || unit.p[0] == 'M') ? EARTH_MILES : EARTH_KM;
    return str_eq_nocase(unit, STR("mi")) || str_eq_nocase(unit, STR("mile")) ||
           str_eq_nocase(unit, STR("miles")) || str_eq_nocase(unit, STR("km")) ||
           str_eq_nocase(unit, STR("kilometer")) || str_eq_nocase(unit, STR("kilometers")) ||
           str_eq_nocase(unit, STR("kilometre")) || str_eq_nocase(unit, STR("kilometres"));
}

static void geo_eval(const struct fn_call *call, struct column *out,
                     const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 4 || n == 5);
    FN_EACH(row, rows)
    {
        double p[4];
        double radius = EARTH_KM;
        bool known = true;
        bool in_range = true;
        uint32_t given = 0;
        for (; given < 4 && column_is_valid(args[given], row); given++) {
            p[given] = args[given]->f64[row];
            in_range &= fabs(p[given]) <= (given % 2 ? 180.0 : 90.0);
        }
        if (n == 5 && column_is_valid(args[4], row))
            known = radius_of(&radius, args[4]->str[row]);
        if (given < 4)
            column_set_null(out, call->a, row, call->total);
        else if (!known || !in_range)
            fn_fail(call, out, row);
        else
            out->f64[row] = haversine(p, radius);
    }
}

#define ROW_1(id, does, call, is)                                                               \
    {                                                                                           \
        .name = #id, .signatures = #id "(DOUBLE) -> DOUBLE", .help = (does), .example = (call), \
        .gives = (is),

static const struct fn
    fns[] = {ROW_1(ACOS, "Arc cosine, in radians; NaN outside -1 to 1.", "ACOS(1)", "0.0").eval =
                 acos_eval},
    ROW_1(ASIN, "Arc sine, in radians; NaN outside -1 to 1.", "ASIN(0)", "0.0").eval = asin_eval
}
, ROW_1(ATAN, "Arc tangent, in radians.", "ATAN(0)", "0.0").eval = atan_eval
}
,
    {
        .name = "ATAN2",
        .signatures = "ATAN2(y DOUBLE, x DOUBLE) -> DOUBLE",
        .help = "The angle of the point (x, y) from the x axis, in radians.",
        .example = "ATAN2(0, 1)",
        .gives = "0.0",
        .eval = atan2_eval,
    },
    ROW_1(CBRT, "Cube root.", "CBRT(27)", "3.0").eval = cbrt_eval
}
, ROW_1(COS, "Cosine of an angle in radians.", "COS(0)", "1.0").eval = cos_eval
}
, ROW_1(COSH, "Hyperbolic cosine.", "COSH(0)", "1.0").eval = cosh_eval
}
, ROW_1(COT, "Cotangent of an angle in radians.", "COT(0)", "Infinity").eval = cot_eval
}
, ROW_1(DEGREES, "Radians as degrees.", "DEGREES(PI())", "180.0").eval = degrees_eval
}
, ROW_1(EXP, "e raised to the value.", "EXP(0)", "1.0").eval = exp_eval
}
, ROW_1(LN, "Natural logarithm; NaN for negative values.", "LN(1)", "0.0").eval = ln_eval
}
,
    {
        .name = "LOG",
        .signatures = "LOG(DOUBLE) -> DOUBLE\nLOG(base DOUBLE, value DOUBLE) -> DOUBLE",
        .help = "Logarithm: natural, or with a base; NaN for negative values.",
        .example = "LOG(2, 8)",
        .gives = "3.0",
        .eval = log_eval,
    },
    {
        .name = "PI",
        .signatures = "PI() -> DOUBLE",
        .help = "The ratio of a circle's circumference to its diameter.",
        .example = "PI()",
        .gives = "3.141592653589793",
        .eval = pi_eval,
    },
    {
        .name = "POWER",
        .signatures = "POWER(base DOUBLE, exponent DOUBLE) -> DOUBLE",
        .help = "The base raised to the exponent.",
        .example = "POWER(2, 10)",
        .gives = "1024.0",
        .eval = power_eval,
    },
    ROW_1(RADIANS, "Degrees as radians.", "RADIANS(180)", "3.141592653589793").eval = radians_eval
}
, ROW_1(SIN, "Sine of an angle in radians.", "SIN(0)", "0.0").eval = sin_eval
}
, ROW_1(SINH, "Hyperbolic sine.", "SINH(0)", "0.0").eval = sinh_eval
}
, ROW_1(SQRT, "Square root; NaN for negative values.", "SQRT(9)", "3.0").eval = sqrt_eval
}
, ROW_1(TAN, "Tangent of an angle in radians.", "TAN(0)", "0.0").eval = tan_eval
}
, ROW_1(TANH, "Hyperbolic tangent.", "TANH(0)", "0.0").eval = tanh_eval
}
,
    {
        .name = "GEO_DISTANCE",
        .signatures =
            "GEO_DISTANCE(lat1 DOUBLE, lon1 DOUBLE, lat2 DOUBLE, lon2 DOUBLE[, unit STRING]) -> "
            "DOUBLE",
        .help = "Great circle distance of two points in decimal degrees, in 'KM' (default) or "
                "'MILES'. Latitudes beyond 90 and longitudes beyond 180 degrees are an error.",
        .example = "ROUND(GEO_DISTANCE(37.4439, -122.1663, 51.5257, -0.1122), 3)",
        .gives = "8634.66",
        .nulls = FN_SEES_NULLS,
        .eval = geo_eval,
    },
}
;
FN_FAMILY(trigonometry, "Trigonometry, powers, geography");
