-- Functions of the TAP engine on PostgreSQL; the algorithms and their sources are those of vo/regions.p2.
-- Errors that a user can correct have SQLSTATE TA001 and a message meant for the user.

CREATE EXTENSION IF NOT EXISTS cube;

CREATE OR REPLACE FUNCTION tap_position_cube(x float8, y float8, z float8) RETURNS cube
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN cube(ARRAY[x, y, z]);

CREATE OR REPLACE FUNCTION tap_region_cube(
    x_min float8, y_min float8, z_min float8, x_max float8, y_max float8, z_max float8
) RETURNS cube
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN cube(ARRAY[x_min, y_min, z_min], ARRAY[x_max, y_max, z_max]);

CREATE OR REPLACE FUNCTION tap_fault(message text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'TA001', MESSAGE = message;
END $$;

CREATE OR REPLACE FUNCTION tap_longitude(lon float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    reduced float8;
BEGIN
    IF lon BETWEEN 0 AND 360 THEN
        RETURN lon;
    END IF;
    IF lon IN ('NaN', 'Infinity', '-Infinity') THEN
        PERFORM tap_fault('longitude must be a finite number');
    END IF;
    reduced := lon - 360 * floor(lon / 360);
    RETURN reduced;
END $$;

CREATE OR REPLACE FUNCTION tap_latitude(lat float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF lat BETWEEN -90 AND 90 THEN
        RETURN lat;
    END IF;
    PERFORM tap_fault('latitude must be within -90 and 90 deg');
END $$;

CREATE OR REPLACE FUNCTION tap_distance(lon1 float8, lat1 float8, lon2 float8, lat2 float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 20 AS $$
DECLARE
    phi1 float8;
    phi2 float8;
    dlat float8;
    dlon float8;
    cosines float8;
BEGIN
    IF lat1 NOT BETWEEN -90 AND 90 OR lat2 NOT BETWEEN -90 AND 90 THEN
        PERFORM tap_fault('latitude must be within -90 and 90 deg');
    END IF;
    dlat := lat2 - lat1;
    dlon := lon2 - lon1;
    -- Products of tiny numbers underflow, which is an error here and zero elsewhere.
    IF abs(dlat) < 1e-50 THEN dlat := 0; END IF;
    IF abs(dlon) < 1e-50 THEN dlon := 0; END IF;
    IF abs(lat1) < 1e-50 THEN lat1 := 0; END IF;
    IF abs(lat2) < 1e-50 THEN lat2 := 0; END IF;
    phi1 := radians(lat1);
    phi2 := radians(lat2);
    dlon := radians(dlon) / 2;
    cosines := cos(phi1) * cos(phi2);
    RETURN degrees(2 * atan2(
        sqrt(sin(radians(dlat) / 2) ^ 2 + cosines * sin(dlon) ^ 2),
        sqrt(sin((phi2 + phi1) / 2) ^ 2 + cosines * cos(dlon) ^ 2)
    ));
END $$;

-- Unit vector of a position.
CREATE OR REPLACE FUNCTION tap_unit(lon float8, lat float8) RETURNS float8[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    c float8;
BEGIN
    IF abs(lat) < 1e-50 THEN lat := 0; END IF;
    IF abs(lon) < 1e-50 THEN lon := 0; END IF;
    lat := radians(lat);
    lon := radians(lon);
    c := cos(lat);
    RETURN ARRAY[c * cos(lon), c * sin(lon), sin(lat)];
END $$;

CREATE OR REPLACE FUNCTION tap_in_circle(
    lon float8, lat float8, centre_lon float8, centre_lat float8, radius float8
) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 20 AS $$
BEGIN
    IF radius NOT BETWEEN 0 AND 180 THEN
        PERFORM tap_fault('radius must be within 0 and 180 deg');
    END IF;
    RETURN tap_distance(lon, lat, centre_lon, centre_lat) <= radius;
END $$;

CREATE OR REPLACE FUNCTION tap_point(lon float8, lat float8) RETURNS float8[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN ARRAY[tap_longitude(lon), tap_latitude(lat)];
END $$;

CREATE OR REPLACE FUNCTION tap_circle(lon float8, lat float8, radius float8) RETURNS float8[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF radius NOT BETWEEN 0 AND 180 THEN
        PERFORM tap_fault('radius must be within 0 and 180 deg');
    END IF;
    RETURN ARRAY[tap_longitude(lon), tap_latitude(lat), radius];
END $$;

-- Not STRICT: a NULL among the coordinates is an element of the array, which is not NULL itself.
CREATE OR REPLACE FUNCTION tap_polygon(VARIADIC coordinates float8[]) RETURNS float8[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF array_position(coordinates, NULL) IS NOT NULL THEN
        RETURN NULL;
    END IF;
    FOR i IN 1 .. array_length(coordinates, 1) BY 2 LOOP
        coordinates[i] := tap_longitude(coordinates[i]);
        PERFORM tap_latitude(coordinates[i + 1]);
    END LOOP;
    RETURN coordinates;
END $$;

CREATE OR REPLACE FUNCTION tap_box(lon float8, lat float8, width float8, height float8) RETURNS float8[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF width NOT BETWEEN 0 AND 360 OR height NOT BETWEEN 0 AND 180 THEN
        PERFORM tap_fault('width and height of a box must be within 0 and 360, 0 and 180 deg');
    END IF;
    RETURN tap_polygon(
        lon - width / 2, lat - height / 2, lon + width / 2, lat - height / 2,
        lon + width / 2, lat + height / 2, lon - width / 2, lat + height / 2
    );
END $$;

-- The geometry of an STC-S text; NULL for a text that is none. What ingest writes is told by a plain pattern, which takes
-- half the time of the one whose parts are captured.
CREATE OR REPLACE FUNCTION tap_region(stcs text) RETURNS float8[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 100 AS $$
DECLARE
    shape text;
    parts text[];
    numbers float8[];
    size int;
BEGIN
    IF stcs ~ '^(POSITION|CIRCLE|POLYGON) ICRS( -?[0-9]+(\.[0-9]+)?)+$' THEN
        shape := split_part(stcs, ' ', 1);
        numbers := string_to_array(substr(stcs, length(shape) + 7), ' ')::float8[];
    ELSE
        parts := regexp_match(stcs,
            '^\s*(POSITION|CIRCLE|POLYGON)((?:\s+[A-Z][A-Z0-9_]*)*)((?:\s+[+-]?(?:\d+\.?\d*|\.\d+)(?:E[+-]?\d+)?)+)\s*$',
            'i');
        IF parts IS NULL OR NOT regexp_split_to_array(upper(btrim(parts[2], E' \t\r\n\f\v')), '\s+') <@ ARRAY[
            '', 'ICRS', 'FK5', 'J2000', 'UNKNOWNFRAME', 'BARYCENTER', 'GEOCENTER', 'HELIOCENTER', 'TOPOCENTER', 'LSR',
            'LSRK', 'LSRD', 'GALACTIC_CENTER', 'RELOCATABLE', 'UNKNOWNREFPOS', 'SPHERICAL2', 'CARTESIAN2'
        ] THEN
            RETURN NULL;
        END IF;
        shape := upper(parts[1]);
        numbers := regexp_split_to_array(btrim(parts[3], E' \t\r\n\f\v'), '\s+')::float8[];
    END IF;
    size := array_length(numbers, 1);
    IF NOT (CASE shape
        WHEN 'POSITION' THEN size = 2
        WHEN 'CIRCLE' THEN size = 3 AND numbers[3] BETWEEN 0 AND 180
        ELSE size >= 6 AND size % 2 = 0
    END) THEN
        RETURN NULL;
    END IF;
    FOR i IN 1 .. CASE size WHEN 3 THEN 2 ELSE size END BY 2 LOOP
        IF numbers[i + 1] NOT BETWEEN -90 AND 90 THEN
            RETURN NULL;
        END IF;
        IF numbers[i] NOT BETWEEN 0 AND 360 THEN
            numbers[i] := tap_longitude(numbers[i]);
        END IF;
    END LOOP;
    RETURN numbers;
END $$;

-- Unit vectors (x, y, z of each vertex in turn) of a polygon, in the order that has its area on the left.
CREATE OR REPLACE FUNCTION tap_vertices(polygon float8[]) RETURNS float8[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 100 AS $$
DECLARE
    v float8[] := array_fill(0::float8, ARRAY[array_length(polygon, 1) / 2 * 3 + 1]);
    turned float8[];
    n int := 0;
    lon float8; lat float8;
    a1 float8; a2 float8; a3 float8;
    b1 float8; b2 float8; b3 float8; c1 float8; c2 float8; c3 float8;
    area float8 := 0;
BEGIN
    FOR i IN 1 .. array_length(polygon, 1) BY 2 LOOP
        lon := polygon[i]; lat := polygon[i + 1];
        IF abs(lat) < 1e-50 THEN lat := 0; END IF;
        IF abs(lon) < 1e-50 THEN lon := 0; END IF;
        lon := radians(lon); lat := radians(lat);
        a3 := cos(lat);
        a1 := a3 * cos(lon); a2 := a3 * sin(lon); a3 := sin(lat);
        CONTINUE WHEN n > 0 AND (a1 - c1) ^ 2 + (a2 - c2) ^ 2 + (a3 - c3) ^ 2 <= 1e-24;
        v[n + 1] := a1; v[n + 2] := a2; v[n + 3] := a3;
        n := n + 3;
        c1 := a1; c2 := a2; c3 := a3;
    END LOOP;
    a1 := v[1]; a2 := v[2]; a3 := v[3];
    IF n > 3 AND (a1 - c1) ^ 2 + (a2 - c2) ^ 2 + (a3 - c3) ^ 2 <= 1e-24 THEN
        n := n - 3;
    END IF;
    IF n < 9 THEN
        PERFORM tap_fault('a polygon has at least 3 different vertices');
    END IF;
    b1 := v[n - 2]; b2 := v[n - 1]; b3 := v[n];
    FOR i IN 1 .. n BY 3 LOOP
        c1 := b1; c2 := b2; c3 := b3;
        b1 := v[i]; b2 := v[i + 1]; b3 := v[i + 2];
        IF (b1 + c1) ^ 2 + (b2 + c2) ^ 2 + (b3 + c3) ^ 2 < 1e-22 THEN
            PERFORM tap_fault('two neighbouring vertices of the polygon are antipodal');
        END IF;
        area := area + 2 * atan2(
            a1 * (c2 * b3 - c3 * b2) + a2 * (c3 * b1 - c1 * b3) + a3 * (c1 * b2 - c2 * b1),
            1 + (a1 * b1 + a2 * b2 + a3 * b3) + (b1 * c1 + b2 * c2 + b3 * c3) + (c1 * a1 + c2 * a2 + c3 * a3)
        );
    END LOOP;
    area := area - 4 * pi() * round(area / (4 * pi()));
    IF area >= 0 THEN
        RETURN v[1:n] || area;
    END IF;
    turned := v[1:n];
    FOR i IN 1 .. n BY 3 LOOP
        turned[i] := v[n - i - 1]; turned[i + 1] := v[n - i]; turned[i + 2] := v[n - i + 1];
    END LOOP;
    RETURN turned || -area;
END $$;

-- Distance (radians) of a unit vector to the boundary of a polygon given b2 tap_vertices, negative inside.
CREATE OR REPLACE FUNCTION tap_signed_distance(v float8[], x float8, y float8, z float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 200 AS $$
DECLARE
    n int := (array_length(v, 1) - 1) / 3;
    a1 float8 := v[3 * n - 5]; a2 float8 := v[3 * n - 4]; a3 float8 := v[3 * n - 3];
    b1 float8 := v[3 * n - 2]; b2 float8 := v[3 * n - 1]; b3 float8 := v[3 * n];
    n1 float8; n2 float8; n3 float8; size float8;
    m1 float8; m2 float8; m3 float8;
    side float8; before float8;
    away float8;
    to_edge float8 := 'Infinity'; edge_side float8 := 0;
    to_vertex float8 := 'Infinity'; in_wedge boolean := false;
BEGIN
    -- The plane of the last edge but one vertex back: the edge that ends where the first one of the loop starts.
    m1 := a2 * b3 - a3 * b2; m2 := a3 * b1 - a1 * b3; m3 := a1 * b2 - a2 * b1;
    FOR i IN 1 .. n LOOP
        a1 := b1; a2 := b2; a3 := b3;
        b1 := v[3 * i - 2]; b2 := v[3 * i - 1]; b3 := v[3 * i];
        n1 := (a2 - b2) * (a3 + b3) - (a3 - b3) * (a2 + b2);
        n2 := (a3 - b3) * (a1 + b1) - (a1 - b1) * (a3 + b3);
        n3 := (a1 - b1) * (a2 + b2) - (a2 - b2) * (a1 + b1);
        size := sqrt(n1 * n1 + n2 * n2 + n3 * n3);
        n1 := n1 / size; n2 := n2 / size; n3 := n3 / size;
        side := x * n1 + y * n2 + z * n3;
        before := x * m1 + y * m2 + z * m3;
        IF x * (n2 * a3 - n3 * a2) + y * (n3 * a1 - n1 * a3) + z * (n1 * a2 - n2 * a1) > 0
            AND x * (b2 * n3 - b3 * n2) + y * (b3 * n1 - b1 * n3) + z * (b1 * n2 - b2 * n1) > 0
            AND abs(side) < to_edge
        THEN
            to_edge := abs(side);
            edge_side := side;
        END IF;
        away := (x - a1) * (x - a1) + (y - a2) * (y - a2) + (z - a3) * (z - a3);
        IF away < to_vertex THEN
            to_vertex := away;
            IF m1 * b1 + m2 * b2 + m3 * b3 >= 0 THEN
                in_wedge := side > 0 AND before > 0;
            ELSE
                in_wedge := side > 0 OR before > 0;
            END IF;
        END IF;
        m1 := n1; m2 := n2; m3 := n3;
    END LOOP;
    to_vertex := 2 * asin(least(sqrt(to_vertex) / 2, 1));
    IF to_edge <= 1 THEN
        to_edge := asin(to_edge);
    END IF;
    IF to_edge <= to_vertex THEN
        RETURN CASE WHEN edge_side > 0 THEN -to_edge ELSE to_edge END;
    END IF;
    RETURN CASE WHEN in_wedge THEN -to_vertex ELSE to_vertex END;
END $$;

-- Distance (radians) of a position, or of its antipode, to the boundary of a polygon, negative inside: what
-- tap_signed_distance(tap_vertices(polygon), ...) gives, in one pass and without arrays between. The edges are taken in
-- the order in which they are written; if their left side is the larger one, all sides change their signs at the end.
CREATE OR REPLACE FUNCTION tap_to_boundary(polygon float8[], lon float8, lat float8, turn float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 200 AS $$
DECLARE
    u float8[] := tap_unit(lon, lat);
    x float8 := turn * u[1]; y float8 := turn * u[2]; z float8 := turn * u[3];
    n int := array_length(polygon, 1);
    f1 float8; f2 float8; f3 float8; second float8[];
    a1 float8; a2 float8; a3 float8; b1 float8; b2 float8; b3 float8;
    m1 float8; m2 float8; m3 float8; n1 float8; n2 float8; n3 float8;
    chord float8; along float8; away float8; away_next float8;
    side float8; before float8; first_side float8;
    to_edge float8 := 'Infinity'; edge_side float8 := 0;
    to_vertex float8 := 'Infinity'; side_before float8; side_after float8; bend float8;
    area float8 := 0;
BEGIN
    WHILE n > 6 AND polygon[n - 1] = polygon[1] AND polygon[n] = polygon[2] LOOP
        n := n - 2;
    END LOOP;
    u := tap_unit(polygon[1], polygon[2]);
    f1 := u[1]; f2 := u[2]; f3 := u[3];
    a1 := f1; a2 := f2; a3 := f3;
    away := (x - a1) * (x - a1) + (y - a2) * (y - a2) + (z - a3) * (z - a3);
    FOR i IN 3 .. n + 1 BY 2 LOOP
        IF i > n THEN
            b1 := f1; b2 := f2; b3 := f3;
        ELSE
            lon := polygon[i]; lat := polygon[i + 1];
            IF abs(lat) < 1e-50 THEN lat := 0; END IF;
            IF abs(lon) < 1e-50 THEN lon := 0; END IF;
            b3 := cos(radians(lat));
            b1 := b3 * cos(radians(lon)); b2 := b3 * sin(radians(lon)); b3 := sin(radians(lat));
        END IF;
        chord := (b1 - a1) * (b1 - a1) + (b2 - a2) * (b2 - a2) + (b3 - a3) * (b3 - a3);
        IF chord <= 1e-24 OR chord > 3.99 THEN
            -- Vertices that are there twice, or antipodal.
            RETURN tap_signed_distance(tap_vertices(polygon), x, y, z);
        END IF;
        n1 := (a2 - b2) * (a3 + b3) - (a3 - b3) * (a2 + b2);
        n2 := (a3 - b3) * (a1 + b1) - (a1 - b1) * (a3 + b3);
        n3 := (a1 - b1) * (a2 + b2) - (a2 - b2) * (a1 + b1);
        side := (x * n1 + y * n2 + z * n3) / sqrt(chord * (4 - chord));
        along := (x - a1) * (b1 - a1) + (y - a2) * (b2 - a2) + (z - a3) * (b3 - a3);
        away_next := (x - b1) * (x - b1) + (y - b2) * (y - b2) + (z - b3) * (z - b3);
        -- The foot of the perpendicular lies between the ends.
        IF abs(side) < to_edge AND along > chord * away / 4 AND along < chord * (1 - away_next / 4) THEN
            to_edge := abs(side);
            edge_side := side;
        END IF;
        IF i = 3 THEN
            first_side := side;
            second := ARRAY[b1, b2, b3];
        ELSE
            IF away < to_vertex THEN
                to_vertex := away;
                side_before := before; side_after := side;
                bend := m1 * b1 + m2 * b2 + m3 * b3;
            END IF;
            area := area + 2 * atan2(
                f1 * (a2 * b3 - a3 * b2) + f2 * (a3 * b1 - a1 * b3) + f3 * (a1 * b2 - a2 * b1),
                2 - chord / 2 + f1 * (a1 + b1) + f2 * (a2 + b2) + f3 * (a3 + b3)
            );
        END IF;
        a1 := b1; a2 := b2; a3 := b3;
        m1 := n1; m2 := n2; m3 := n3;
        before := side;
        away := away_next;
    END LOOP;
    IF away < to_vertex THEN
        to_vertex := away;
        side_before := before; side_after := first_side;
        bend := m1 * second[1] + m2 * second[2] + m3 * second[3];
    END IF;
    IF area - 4 * pi() * round(area / (4 * pi())) < 0 THEN
        edge_side := -edge_side;
        side_before := -side_before; side_after := -side_after;
        bend := -bend;
    END IF;
    to_vertex := 2 * asin(least(sqrt(to_vertex) / 2, 1));
    IF to_edge <= 1 THEN
        to_edge := asin(to_edge);
    END IF;
    IF to_edge <= to_vertex THEN
        RETURN CASE WHEN edge_side > 0 THEN -to_edge ELSE to_edge END;
    END IF;
    IF bend >= 0 AND side_before > 0 AND side_after > 0 OR bend < 0 AND (side_before > 0 OR side_after > 0) THEN
        RETURN -to_vertex;
    END IF;
    RETURN to_vertex;
END $$;

-- Whether an edge of one polygon properly crosses an edge of the other.
CREATE OR REPLACE FUNCTION tap_edges_cross(v float8[], w float8[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 2000 AS $$
DECLARE
    n int := (array_length(v, 1) - 1) / 3;
    m int := (array_length(w, 1) - 1) / 3;
    a1 float8; a2 float8; a3 float8; b1 float8 := v[3 * n - 2]; b2 float8 := v[3 * n - 1]; b3 float8 := v[3 * n];
    c1 float8; c2 float8; c3 float8; d1 float8; d2 float8; d3 float8;
    p1 float8; p2 float8; p3 float8; q1 float8; q2 float8; q3 float8;
    c_side float8; d_side float8; a_side float8; b_side float8;
    near float8; far float8;
BEGIN
    FOR i IN 1 .. n LOOP
        a1 := b1; a2 := b2; a3 := b3;
        b1 := v[3 * i - 2]; b2 := v[3 * i - 1]; b3 := v[3 * i];
        p1 := (a2 - b2) * (a3 + b3) - (a3 - b3) * (a2 + b2);
        p2 := (a3 - b3) * (a1 + b1) - (a1 - b1) * (a3 + b3);
        p3 := (a1 - b1) * (a2 + b2) - (a2 - b2) * (a1 + b1);
        near := 1e-12 * sqrt(p1 * p1 + p2 * p2 + p3 * p3);
        d1 := w[3 * m - 2]; d2 := w[3 * m - 1]; d3 := w[3 * m];
        d_side := p1 * d1 + p2 * d2 + p3 * d3;
        FOR j IN 1 .. m LOOP
            c1 := d1; c2 := d2; c3 := d3; c_side := d_side;
            d1 := w[3 * j - 2]; d2 := w[3 * j - 1]; d3 := w[3 * j];
            d_side := p1 * d1 + p2 * d2 + p3 * d3;
            CONTINUE WHEN c_side > -near AND d_side > -near OR c_side < near AND d_side < near;
            q1 := (c2 - d2) * (c3 + d3) - (c3 - d3) * (c2 + d2);
            q2 := (c3 - d3) * (c1 + d1) - (c1 - d1) * (c3 + d3);
            q3 := (c1 - d1) * (c2 + d2) - (c2 - d2) * (c1 + d1);
            a_side := q1 * a1 + q2 * a2 + q3 * a3;
            b_side := q1 * b1 + q2 * b2 + q3 * b3;
            far := 1e-12 * sqrt(q1 * q1 + q2 * q2 + q3 * q3);
            IF abs(c_side) > near AND abs(d_side) > near AND abs(a_side) > far AND abs(b_side) > far
                AND sign(a_side) <> sign(b_side) AND sign(d_side) = sign(a_side)
            THEN
                RETURN true;
            END IF;
        END LOOP;
    END LOOP;
    RETURN false;
END $$;

CREATE OR REPLACE FUNCTION tap_polygon_in_polygon(inner_ float8[], outer_ float8[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 4000 AS $$
DECLARE
    n int := (array_length(inner_, 1) - 1) / 3;
    m int := (array_length(outer_, 1) - 1) / 3;
    a1 float8; a2 float8; a3 float8;
    b1 float8 := inner_[3 * n - 2]; b2 float8 := inner_[3 * n - 1]; b3 float8 := inner_[3 * n];
    n1 float8; n2 float8; n3 float8; size float8;
    stop record; s1 float8; s2 float8; s3 float8;
BEGIN
    FOR i IN 1 .. n LOOP
        IF tap_signed_distance(outer_, inner_[3 * i - 2], inner_[3 * i - 1], inner_[3 * i]) > 1e-12 THEN
            RETURN false;
        END IF;
    END LOOP;
    IF tap_edges_cross(inner_, outer_) THEN
        RETURN false;
    END IF;
    FOR i IN 1 .. m LOOP
        IF tap_signed_distance(inner_, outer_[3 * i - 2], outer_[3 * i - 1], outer_[3 * i]) < -1e-12 THEN
            RETURN false;
        END IF;
    END LOOP;
    FOR i IN 1 .. n LOOP
        a1 := b1; a2 := b2; a3 := b3;
        b1 := inner_[3 * i - 2]; b2 := inner_[3 * i - 1]; b3 := inner_[3 * i];
        n1 := (a2 - b2) * (a3 + b3) - (a3 - b3) * (a2 + b2);
        n2 := (a3 - b3) * (a1 + b1) - (a1 - b1) * (a3 + b3);
        n3 := (a1 - b1) * (a2 + b2) - (a2 - b2) * (a1 + b1);
        size := sqrt(n1 * n1 + n2 * n2 + n3 * n3);
        n1 := n1 / size; n2 := n2 / size; n3 := n3 / size;
        s1 := a1; s2 := a2; s3 := a3;
        FOR stop IN
            SELECT x, y, z
            FROM (
                SELECT outer_[3 * k - 2] AS x, outer_[3 * k - 1] AS y, outer_[3 * k] AS z
                FROM generate_series(1, m) AS k
                UNION ALL
                SELECT b1, b2, b3
            ) AS corners
            WHERE (x = b1 AND y = b2 AND z = b3) OR (
                abs(x * n1 + y * n2 + z * n3) <= 1e-12
                AND x * (n2 * a3 - n3 * a2) + y * (n3 * a1 - n1 * a3) + z * (n1 * a2 - n2 * a1) > 0
                AND x * (b2 * n3 - b3 * n2) + y * (b3 * n1 - b1 * n3) + z * (b1 * n2 - b2 * n1) > 0
            )
            ORDER BY (x - a1) ^ 2 + (y - a2) ^ 2 + (z - a3) ^ 2
        LOOP
            size := sqrt((s1 + stop.x) ^ 2 + (s2 + stop.y) ^ 2 + (s3 + stop.z) ^ 2);
            IF tap_signed_distance(outer_, (s1 + stop.x) / size, (s2 + stop.y) / size, (s3 + stop.z) / size) > 1e-12
            THEN
                RETURN false;
            END IF;
            s1 := stop.x; s2 := stop.y; s3 := stop.z;
        END LOOP;
    END LOOP;
    RETURN true;
END $$;

-- Whether the second geometry lies in the first, boundary included.
CREATE OR REPLACE FUNCTION tap_contains(outer_ float8[], inner_ float8[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 500 AS $$
DECLARE
    radius float8;
BEGIN
    IF array_length(outer_, 1) = 2 THEN
        RETURN array_length(inner_, 1) = 2 AND tap_distance(inner_[1], inner_[2], outer_[1], outer_[2]) = 0;
    END IF;
    radius := CASE array_length(inner_, 1) WHEN 3 THEN inner_[3] ELSE 0 END;
    IF array_length(outer_, 1) = 3 THEN
        IF array_length(inner_, 1) <= 3 THEN
            RETURN outer_[3] >= 180 OR tap_distance(inner_[1], inner_[2], outer_[1], outer_[2]) + radius <= outer_[3];
        END IF;
        RETURN tap_to_boundary(inner_, outer_[1], outer_[2], -1) >= radians(180 - outer_[3]) - 1e-12;
    END IF;
    IF array_length(inner_, 1) <= 3 THEN
        RETURN tap_to_boundary(outer_, inner_[1], inner_[2], 1) <= 1e-12 - radians(radius);
    END IF;
    RETURN tap_polygon_in_polygon(tap_vertices(inner_), tap_vertices(outer_));
END $$;

-- Whether two geometries have a point in common, boundaries included.
CREATE OR REPLACE FUNCTION tap_intersects(a float8[], b float8[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 500 AS $$
DECLARE
    v float8[];
    w float8[];
BEGIN
    IF array_length(a, 1) <= 3 AND array_length(b, 1) <= 3 THEN
        RETURN tap_distance(a[1], a[2], b[1], b[2])
            <= CASE array_length(a, 1) WHEN 3 THEN a[3] ELSE 0 END + CASE array_length(b, 1) WHEN 3 THEN b[3] ELSE 0 END;
    END IF;
    IF array_length(b, 1) <= 3 THEN
        RETURN tap_to_boundary(a, b[1], b[2], 1)
            <= radians(CASE array_length(b, 1) WHEN 3 THEN b[3] ELSE 0 END) + 1e-12;
    END IF;
    IF array_length(a, 1) <= 3 THEN
        RETURN tap_intersects(b, a);
    END IF;
    v := tap_vertices(a);
    w := tap_vertices(b);
    FOR i IN 1 .. array_length(w, 1) / 3 LOOP
        IF tap_signed_distance(v, w[3 * i - 2], w[3 * i - 1], w[3 * i]) <= 1e-12 THEN
            RETURN true;
        END IF;
    END LOOP;
    FOR i IN 1 .. array_length(v, 1) / 3 LOOP
        IF tap_signed_distance(w, v[3 * i - 2], v[3 * i - 1], v[3 * i]) <= 1e-12 THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN tap_edges_cross(v, w);
END $$;

CREATE OR REPLACE FUNCTION tap_area(shape float8[]) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 200 AS $$
DECLARE
    v float8[];
    steradians float8;
BEGIN
    IF array_length(shape, 1) = 2 THEN
        RETURN 0;
    ELSIF array_length(shape, 1) = 3 THEN
        steradians := 4 * pi() * sin(radians(shape[3]) / 2) ^ 2;
    ELSE
        v := tap_vertices(shape);
        steradians := v[array_length(v, 1)];
    END IF;
    RETURN steradians * (180 / pi()) ^ 2;
END $$;

CREATE OR REPLACE FUNCTION tap_centroid(shape float8[]) RETURNS float8[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 200 AS $$
DECLARE
    v float8[];
    n int;
    a1 float8; a2 float8; a3 float8; b1 float8; b2 float8; b3 float8;
    n1 float8; n2 float8; n3 float8; size float8; angle float8;
    x float8 := 0; y float8 := 0; z float8 := 0;
    lon float8;
BEGIN
    IF array_length(shape, 1) <= 3 THEN
        RETURN shape[1:2];
    END IF;
    v := tap_vertices(shape);
    n := (array_length(v, 1) - 1) / 3;
    b1 := v[3 * n - 2]; b2 := v[3 * n - 1]; b3 := v[3 * n];
    FOR i IN 1 .. n LOOP
        a1 := b1; a2 := b2; a3 := b3;
        b1 := v[3 * i - 2]; b2 := v[3 * i - 1]; b3 := v[3 * i];
        n1 := (a2 - b2) * (a3 + b3) - (a3 - b3) * (a2 + b2);
        n2 := (a3 - b3) * (a1 + b1) - (a1 - b1) * (a3 + b3);
        n3 := (a1 - b1) * (a2 + b2) - (a2 - b2) * (a1 + b1);
        size := sqrt(n1 * n1 + n2 * n2 + n3 * n3);
        angle := 2 * asin(least(sqrt((a1 - b1) ^ 2 + (a2 - b2) ^ 2 + (a3 - b3) ^ 2) / 2, 1));
        x := x + n1 / size * angle; y := y + n2 / size * angle; z := z + n3 / size * angle;
    END LOOP;
    lon := degrees(atan2(y, x));
    RETURN ARRAY[CASE WHEN lon < 0 THEN lon + 360 ELSE lon END, degrees(atan2(z, sqrt(x * x + y * y)))];
END $$;

-- Box of a geometry on the unit sphere, a little larger, as the indexes want it.
CREATE OR REPLACE FUNCTION tap_cube(shape float8[]) RETURNS cube
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 200 AS $$
DECLARE
    low float8[] := '{}';
    high float8[] := '{}';
    c float8[];
    v float8[];
    n int;
    a float8[]; b float8[]; normal float8[]; extreme float8[]; pole float8[];
    radius float8; angle float8; size float8;
BEGIN
    IF array_length(shape, 1) <= 3 THEN
        radius := radians(CASE array_length(shape, 1) WHEN 3 THEN shape[3] ELSE 0 END);
        c := tap_unit(shape[1], shape[2]);
        FOR axis IN 1 .. 3 LOOP
            angle := acos(greatest(-1, least(1, c[axis])));
            low[axis] := least(cos(least(angle + radius, pi())), c[axis]) - 1e-12;
            high[axis] := greatest(cos(greatest(angle - radius, 0)), c[axis]) + 1e-12;
        END LOOP;
        RETURN cube(low, high);
    END IF;
    v := tap_vertices(shape);
    n := (array_length(v, 1) - 1) / 3;
    FOR axis IN 1 .. 3 LOOP
        low[axis] := 2;
        high[axis] := -2;
        FOR i IN 1 .. n LOOP
            a := v[3 * i - 2 : 3 * i];
            b := v[3 * (i % n) + 1 : 3 * (i % n) + 3];
            low[axis] := least(low[axis], a[axis]);
            high[axis] := greatest(high[axis], a[axis]);
            normal := ARRAY[a[2] * b[3] - a[3] * b[2], a[3] * b[1] - a[1] * b[3], a[1] * b[2] - a[2] * b[1]];
            size := sqrt(normal[1] ^ 2 + normal[2] ^ 2 + normal[3] ^ 2);
            normal := ARRAY[normal[1] / size, normal[2] / size, normal[3] / size];
            extreme := ARRAY[
                -normal[1] * normal[axis], -normal[2] * normal[axis], -normal[3] * normal[axis]
            ];
            extreme[axis] := extreme[axis] + 1;
            size := sqrt(extreme[1] ^ 2 + extreme[2] ^ 2 + extreme[3] ^ 2);
            CONTINUE WHEN size <= 1e-9;
            extreme := ARRAY[extreme[1] / size, extreme[2] / size, extreme[3] / size];
            FOR turn IN -1 .. 1 BY 2 LOOP
                IF turn * (extreme[1] * (normal[2] * a[3] - normal[3] * a[2])
                         + extreme[2] * (normal[3] * a[1] - normal[1] * a[3])
                         + extreme[3] * (normal[1] * a[2] - normal[2] * a[1])) >= 0
                    AND turn * (extreme[1] * (b[2] * normal[3] - b[3] * normal[2])
                              + extreme[2] * (b[3] * normal[1] - b[1] * normal[3])
                              + extreme[3] * (b[1] * normal[2] - b[2] * normal[1])) >= 0
                THEN
                    low[axis] := least(low[axis], turn * extreme[axis]);
                    high[axis] := greatest(high[axis], turn * extreme[axis]);
                END IF;
            END LOOP;
        END LOOP;
        FOR turn IN -1 .. 1 BY 2 LOOP
            pole := ARRAY[0, 0, 0];
            pole[axis] := turn;
            IF tap_signed_distance(v, pole[1], pole[2], pole[3]) <= 1e-12 THEN
                low[axis] := least(low[axis], turn);
                high[axis] := greatest(high[axis], turn);
            END IF;
        END LOOP;
        low[axis] := low[axis] - 1e-12;
        high[axis] := high[axis] + 1e-12;
    END LOOP;
    RETURN cube(low, high);
END $$;

-- Circle for an index condition: any radius will do.
CREATE OR REPLACE FUNCTION tap_cap(lon float8, lat float8, radius float8) RETURNS float8[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN ARRAY[tap_longitude(lon), tap_latitude(lat), least(greatest(radius, 0), 180)];
END $$;

-- First (0) or second (1) coordinate of a point.
CREATE OR REPLACE FUNCTION tap_coordinate(point float8[], index int) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN point[index + 1];

-- The time that a DALI timestamp means.
CREATE OR REPLACE FUNCTION tap_to_timestamp(written text) RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    parts text[] := regexp_match(btrim(written, E' \t\r\n\f\v'),
        '^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}:\d{2})(?:\.(\d+))?)?Z?$');
BEGIN
    IF parts IS NULL OR parts[2] > '23:59:59' THEN
        RAISE EXCEPTION USING ERRCODE = '22007', MESSAGE = 'no timestamp';
    END IF;
    RETURN (parts[1] || ' ' || coalesce(parts[2], '00:00:00') || '.' || rpad(left(coalesce(parts[3], '0'), 6), 6, '0'))::timestamp;
END $$;

-- DALI form of a time.
CREATE OR REPLACE FUNCTION tap_timestamp_text(moment timestamp) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN regexp_replace(to_char(moment, 'YYYY-MM-DD"T"HH24:MI:SS.US'), '\.?0+$', '');
