#!/bin/sh
# `make demo`: data, database, service. DATA=<folder> takes a real GADF data store instead of the generated one.
set -eu
cd "$(dirname "$0")/.."
say() { printf '\033[1m==>\033[0m %s\n' "$*"; }
export DISTILLER_HOME="${DISTILLER_HOME:-var}"
py=.venv/bin/python

say "Building the pages' scripts and styles"
$py frontend/build.py || say "The front-end build failed: pages will be plain, without plots"
say "Preparing the database"
$py manage.py migrate -v 0
if [ -n "${DATA:-}" ]; then
    collection=$(basename "$DATA" | tr '[:upper:]' '[:lower:]' | tr -c 'a-z0-9\n' '-' | sed 's/--*/-/g; s/^-//; s/-$//')
    say "Ingesting $DATA as collection $collection"
    $py manage.py ingest "$DATA" --collection "$collection" || [ $? = 1 ]
else
    if [ ! -f "$DISTILLER_HOME/demo-data/hdu-index.fits.gz" ]; then
        say "Simulating the demo observations"
        $py -m fixtures "$DISTILLER_HOME/demo-data"
    fi
    say "Ingesting the demo observations"
    $py manage.py ingest "$DISTILLER_HOME/demo-data" --collection demo --title "Simulated demo observations"
fi
exec $py manage.py serve
