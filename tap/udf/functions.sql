-- User-defined functions of the IVOA's catalogue (EN 1.2) on PostgreSQL; the algorithms are those of tap/udf/*.py.
-- Errors that a user can correct are raised by tap_fault.

CREATE OR REPLACE FUNCTION tap_bits_spread(bits bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    bits := (bits | (bits << 16)) & 281470681808895;
    bits := (bits | (bits << 8)) & 71777214294589695;
    bits := (bits | (bits << 4)) & 1085102592571150095;
    bits := (bits | (bits << 2)) & 3689348814741910323;
    RETURN (bits | (bits << 1)) & 6148914691236517205;
END $$;

CREATE OR REPLACE FUNCTION tap_bits_gather(bits bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    bits := bits & 6148914691236517205;
    bits := (bits | (bits >> 1)) & 3689348814741910323;
    bits := (bits | (bits >> 2)) & 1085102592571150095;
    bits := (bits | (bits >> 4)) & 71777214294589695;
    bits := (bits | (bits >> 8)) & 281470681808895;
    RETURN (bits | (bits >> 16)) & 4294967295;
END $$;

CREATE OR REPLACE FUNCTION tap_healpix_nside(grid bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF grid NOT BETWEEN 0 AND 29 THEN
        PERFORM tap_fault('the order of a HEALPix grid must be within 0 and 29');
    END IF;
    RETURN 1::bigint << grid::int;
END $$;

CREATE OR REPLACE FUNCTION tap_ivo_healpix_index(grid bigint, lon float8, lat float8) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 50 AS $$
DECLARE
    nside bigint := tap_healpix_nside(grid);
    n int := grid::int;
    z float8;
    quarter float8 := tap_longitude(lon) / 90;
    middle float8; slope float8; along float8; width float8;
    jp bigint; jm bigint; face bigint; x bigint; y bigint;
BEGIN
    lat := tap_latitude(lat);
    -- Sines of tiny numbers underflow, which is an error here and zero elsewhere.
    IF abs(lat) < 1e-50 THEN lat := 0; END IF;
    IF quarter >= 4 THEN quarter := 0; END IF;
    z := sin(radians(lat));
    IF abs(z) <= 2 / 3::float8 THEN
        middle := nside * (0.5 + quarter);
        slope := nside * (z * 0.75);
        jp := trunc(middle - slope)::bigint;
        jm := trunc(middle + slope)::bigint;
        x := jp >> n;
        y := jm >> n;
        face := CASE WHEN x = y THEN x | 4 WHEN x < y THEN x ELSE y + 8 END;
        x := jm & (nside - 1);
        y := nside - (jp & (nside - 1)) - 1;
    ELSE
        face := trunc(quarter)::bigint;
        along := quarter - face;
        width := nside * cos(radians(lat)) / sqrt((1 + abs(z)) / 3);
        jp := least(trunc(along * width)::bigint, nside - 1);
        jm := least(trunc((1 - along) * width)::bigint, nside - 1);
        IF z > 0 THEN
            x := nside - jm - 1;
            y := nside - jp - 1;
        ELSE
            x := jp;
            y := jm;
            face := face + 8;
        END IF;
    END IF;
    RETURN (face << 2 * n) + tap_bits_spread(x) + 2 * tap_bits_spread(y);
END $$;

CREATE OR REPLACE FUNCTION tap_ivo_healpix_center(grid bigint, pixel bigint) RETURNS float8[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 50 AS $$
DECLARE
    nside bigint := tap_healpix_nside(grid);
    face int; rest bigint; x bigint; y bigint; ring bigint; across bigint; step bigint;
    cap float8; lat float8;
BEGIN
    IF pixel NOT BETWEEN 0 AND 12 * nside * nside - 1 THEN
        PERFORM tap_fault(
            format('a HEALPix index of order %s is within 0 and %s', grid, 12 * nside * nside - 1));
    END IF;
    face := pixel / (nside * nside);
    rest := pixel % (nside * nside);
    x := tap_bits_gather(rest);
    y := tap_bits_gather(rest >> 1);
    ring := (face / 4 + 2) * nside - x - y - 1;
    IF ring BETWEEN nside AND 3 * nside THEN
        across := nside;
        lat := degrees(asin((2 * nside - ring) * 2 / (3 * nside)::float8));
    ELSE
        across := CASE WHEN ring < nside THEN ring ELSE 4 * nside - ring END;
        cap := across / nside::float8 * (across / nside::float8) / 3;
        lat := degrees(atan2(1 - cap, sqrt(cap * (2 - cap)))) * CASE WHEN ring < nside THEN 1 ELSE -1 END;
    END IF;
    step := (ARRAY[1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7])[face + 1] * across + x - y;
    IF step < 0 THEN
        step := step + 8 * across;
    END IF;
    RETURN ARRAY[45::float8 * step / across, lat];
END $$;

CREATE OR REPLACE FUNCTION tap_vector_point(x float8, y float8, z float8) RETURNS float8[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    lon float8;
BEGIN
    -- Their squares would underflow.
    IF abs(x) < 1e-150 THEN x := 0; END IF;
    IF abs(y) < 1e-150 THEN y := 0; END IF;
    lon := degrees(atan2(y, x));
    RETURN ARRAY[CASE WHEN lon < 0 THEN lon + 360 ELSE lon END, degrees(atan2(z, sqrt(x * x + y * y)))];
END $$;

-- Not STRICT: what is NULL has a meaning of its own.
CREATE OR REPLACE FUNCTION tap_ivo_epoch_prop_pos(
    ra float8, dec_ float8, parallax float8, pmra float8, pmdec float8, radial_velocity float8, ref_epoch float8,
    out_epoch float8
) RETURNS float8[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 50 AS $$
DECLARE
    mas float8 := radians(1 / 3.6e6::float8);
    u float8[];
    years float8; lon float8; lat float8; east float8; north float8; away float8 := 1; outward float8;
BEGIN
    IF ra IS NULL OR dec_ IS NULL OR ref_epoch IS NULL OR out_epoch IS NULL THEN
        PERFORM tap_fault('position and epochs of ivo_epoch_prop_pos must not be NULL');
    END IF;
    years := out_epoch - ref_epoch;
    ra := tap_longitude(ra);
    dec_ := tap_latitude(dec_);
    IF abs(ra) < 1e-50 THEN ra := 0; END IF;
    IF abs(dec_) < 1e-50 THEN dec_ := 0; END IF;
    lon := radians(ra);
    lat := radians(dec_);
    east := coalesce(pmra, 0) * mas * years;
    north := coalesce(pmdec, 0) * mas * years;
    IF parallax > 0 AND radial_velocity IS NOT NULL THEN
        away := 1 + radial_velocity * parallax / 4.740470463533349 * mas * years;
    END IF;
    outward := away * cos(lat) - north * sin(lat);
    RETURN tap_vector_point(
        outward * cos(lon) - east * sin(lon), outward * sin(lon) + east * cos(lon),
        away * sin(lat) + north * cos(lat)
    );
END $$;

CREATE OR REPLACE FUNCTION tap_ivo_geom_transform(
    shape float8[], xx float8, xy float8, xz float8, yx float8, yy float8, yz float8, zx float8, zy float8, zz float8
) RETURNS float8[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 50 AS $$
DECLARE
    u float8[];
BEGIN
    FOR i IN 1 .. array_length(shape, 1) - 1 BY 2 LOOP
        u := tap_unit(shape[i], shape[i + 1]);
        u := tap_vector_point(
            xx * u[1] + xy * u[2] + xz * u[3], yx * u[1] + yy * u[2] + yz * u[3], zx * u[1] + zy * u[2] + zz * u[3]
        );
        shape[i] := u[1];
        shape[i + 1] := u[2];
    END LOOP;
    RETURN shape;
END $$;

CREATE OR REPLACE FUNCTION tap_ivo_to_mjd(d timestamp) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN extract(epoch FROM d)::float8 / 86400 + 40587;

CREATE OR REPLACE FUNCTION tap_ivo_to_jd(d timestamp) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN extract(epoch FROM d)::float8 / 86400 + 2440587.5;

CREATE OR REPLACE FUNCTION tap_ivo_hms_to_degrees(hms text) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    p text[] := array_remove(regexp_match(hms,
        '^ *(?:([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2}(?:\.[0-9]*)?)|([0-9]{2})([0-9]{2})([0-9]{2}(?:\.[0-9]*)?)|'
        '([0-9]{1,2})[hH]([0-9]{1,2})[mM]([0-9]{1,2}(?:\.[0-9]*)?)[sS]) *$'), NULL);
BEGIN
    IF p IS NULL OR p[1]::float8 >= 24 OR p[2]::float8 >= 60 OR p[3]::float8 >= 60 THEN
        RETURN NULL;
    END IF;
    RETURN (p[1]::float8 * 3600 + p[2]::float8 * 60 + p[3]::float8) / 240;
END $$;

CREATE OR REPLACE FUNCTION tap_ivo_dms_to_degrees(dms text) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    p text[] := array_remove(regexp_match(dms,
        '^ *([+-]?)(?:([0-9]{1,3}):([0-9]{1,2}):([0-9]{1,2}(?:\.[0-9]*)?)|'
        '([0-9]{2,3})([0-9]{2})([0-9]{2}(?:\.[0-9]*)?)|'
        '([0-9]{1,3})[dD]([0-9]{1,2})[mM]([0-9]{1,2}(?:\.[0-9]*)?)[sS]) *$'), NULL);
BEGIN
    IF p IS NULL OR p[2]::float8 > 360 OR p[3]::float8 >= 60 OR p[4]::float8 >= 60 THEN
        RETURN NULL;
    END IF;
    RETURN (p[2]::float8 * 3600 + p[3]::float8 * 60 + p[4]::float8) / 3600 * CASE p[1] WHEN '-' THEN -1 ELSE 1 END;
END $$;

CREATE OR REPLACE FUNCTION tap_ivo_hasword(haystack text, needle text) RETURNS int
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 20 AS $$
DECLARE
    wanted text[] := array_remove(
        regexp_split_to_array(lower(needle COLLATE "und-x-icu"), '[^[:alnum:]_]+' COLLATE "und-x-icu"), '');
BEGIN
    RETURN (cardinality(wanted) > 0 AND wanted <@ regexp_split_to_array(
        lower(haystack COLLATE "und-x-icu"), '[^[:alnum:]_]+' COLLATE "und-x-icu"))::int;
END $$;

CREATE OR REPLACE FUNCTION tap_ivo_hashlist_has(hashlist text, item text) RETURNS int
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (lower(item COLLATE "und-x-icu") = ANY (string_to_array(lower(hashlist COLLATE "und-x-icu"), '#')))::int;

CREATE OR REPLACE FUNCTION tap_ivo_interval_overlaps(low1 float8, high1 float8, low2 float8, high2 float8) RETURNS int
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (low1 <= high1 AND low2 <= high2 AND low1 <= high2 AND low2 <= high1)::int;

-- By the transform of Box and Muller.
CREATE OR REPLACE FUNCTION tap_ivo_normal_random(mu float8, sigma float8) RETURNS float8
LANGUAGE sql VOLATILE STRICT PARALLEL RESTRICTED
RETURN mu + sigma * (sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()));

CREATE OR REPLACE FUNCTION tap_histogram_step(counts bigint[], val float8, low float8, high float8, bins bigint)
RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    place int;
BEGIN
    IF low IS NULL OR high IS NULL OR bins IS NULL OR NOT low < high OR bins NOT BETWEEN 1 AND 10000 THEN
        PERFORM tap_fault('ivo_histogram takes a lower limit below the upper one and 1 to 10000 bins');
    END IF;
    IF counts IS NULL THEN
        counts := array_fill(0::bigint, ARRAY[bins::int + 2]);
    ELSIF cardinality(counts) <> bins + 2 THEN
        PERFORM tap_fault('the number of bins of ivo_histogram must be the same in all rows');
    END IF;
    IF val IS NULL OR val < low THEN
        place := 0;
    ELSIF val >= high THEN
        place := bins + 1;
    ELSE
        place := least(floor((val - low) / (high - low) * bins)::bigint + 1, bins);
    END IF;
    counts[place + 1] := counts[place + 1] + 1;
    RETURN counts;
END $$;

CREATE OR REPLACE AGGREGATE tap_ivo_histogram(float8, float8, float8, bigint) (
    SFUNC = tap_histogram_step, STYPE = bigint[]
);
