-- Time coverage on PostgreSQL (14 or newer); what tap/coverage/sqlite.py, vo/tmoc.py and vo/timescales.py do.

-- The coverage of a T-MOC, ASCII or JSON; NULL for a text that is none.
CREATE OR REPLACE FUNCTION tap_tmoc(written text) RETURNS int8multirange
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS $$
DECLARE
    word text;
    cells numeric[];
    grade int;
    size bigint;
    found int8range[] := '{}';
    blanks text := '[ \t\r\n\f\v]*';
    member text := format('"[0-9]{1,2}"%1$s:%1$s\[[0-9, \t\r\n\f\v]*\]', blanks);
BEGIN
    written := btrim(written, E' \t\r\n\f\v');
    IF left(written, 1) = '{' THEN
        IF written !~ format('^\{%1$s(%2$s%1$s(,%1$s%2$s%1$s)*)?\}$', blanks, member) THEN
            RETURN NULL;
        END IF;
        written := regexp_replace(translate(written, '{}[]', '    '), format('"([0-9]+)"%s:', blanks), ' \1/ ', 'g');
    END IF;
    FOREACH word IN ARRAY
        regexp_split_to_array(replace(regexp_replace(written, '^t', ''), '/', '/ '), E'[ \t\r\n\f\v,]+')
    LOOP
        IF word ~ '^[0-9]{1,2}/$' THEN
            grade := rtrim(word, '/')::int;
            IF grade > 61 THEN
                RETURN NULL;
            END IF;
            size := 1::bigint << (61 - grade);
        ELSIF word ~ '^[0-9]{1,19}(-[0-9]{1,19})?$' AND grade IS NOT NULL THEN
            cells := string_to_array(word, '-')::numeric[];
            cells[2] := coalesce(cells[2], cells[1]);
            IF cells[2] < cells[1] OR cells[2] >= 1::bigint << grade THEN
                RETURN NULL;
            END IF;
            found := found || int8range(cells[1]::bigint * size, (cells[2] + 1)::bigint * size);
        ELSIF word <> '' THEN
            RETURN NULL;
        END IF;
    END LOOP;
    RETURN int8multirange(VARIADIC found);
END $$;

-- Seconds that TAI is ahead of UTC on a day (MJD); 10 before 1972. The days are those of vo.timescales.
CREATE OR REPLACE FUNCTION tap_tai_minus_utc(day float8) RETURNS int
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN greatest(10, 9 + width_bucket(day, ARRAY[
    41317, 41499, 41683, 42048, 42413, 42778, 43144, 43509, 43874, 44239, 44786, 45151, 45516, 46247, 47161, 47892,
    48257, 48804, 49169, 49534, 50083, 50630, 51179, 53736, 54832, 56109, 57204, 57754
]::float8[]));

-- Microseconds since JD 0 (TCB) of an MJD in UTC; see vo.timescales.
CREATE OR REPLACE FUNCTION tap_tcb(mjd float8) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 20 AS $$
DECLARE
    day float8;
    seconds float8;
    tt bigint;
BEGIN
    IF mjd = 'NaN' THEN
        RETURN NULL;
    END IF;
    mjd := least(greatest(mjd, -2400000), 24287000);
    day := floor(mjd);
    seconds := (mjd - day) * (86400 + tap_tai_minus_utc(day + 1) - tap_tai_minus_utc(day));
    tt := (day::bigint + 2400000) * 86400000000 + 43200000000
        + round((seconds + (tap_tai_minus_utc(day) + 32.184::float8)) * 1e6::float8)::bigint;
    RETURN tt + round(
        (tt - 211087684832184000)::float8 * (1.550519768e-8::float8 / (1 - 1.550519768e-8::float8)) + 65.5::float8
    )::bigint;
END $$;

-- From the one date (UTC) up to the other, at least a microsecond; nothing if the second is the earlier one.
CREATE OR REPLACE FUNCTION tap_interval(mjd1 float8, mjd2 float8) RETURNS int8multirange
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 50 AS $$
DECLARE
    start bigint := tap_tcb(mjd1);
    stop bigint := tap_tcb(mjd2);
BEGIN
    RETURN CASE
        WHEN start <= stop THEN int8multirange(int8range(start, greatest(stop, start + 1)))
        WHEN start > stop THEN '{}'::int8multirange
    END;
END $$;

-- Seconds that a coverage covers.
CREATE OR REPLACE FUNCTION tap_tmoc_duration(coverage int8multirange) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT coalesce(sum(upper(part) - lower(part)), 0) FROM unnest(coverage) AS part)::float8 / 1e6;
