#!/bin/sh
# Prints a Python that the course runs on, or says what is missing. Usage: find_python.sh [PYTHON]
# With an argument that Python must do; without, python3 if it is from 3.10 to 3.13, else a newer or older one on PATH.
check='import sys; sys.exit(not (3, 10) <= sys.version_info[:2])'
tested='import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))'
complete='import ensurepip, venv'

version() { "$1" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null; }

if [ -n "$1" ]; then
    if ! "$1" -c "$check" 2>/dev/null; then
        echo "PYTHON=$1 is $(version "$1" || echo no Python that can be started); the course needs Python 3.10 or newer." >&2
        exit 1
    fi
    if ! "$1" -c "$complete" 2>/dev/null; then
        echo "PYTHON=$1 has no venv or ensurepip module (Debian and Ubuntu: apt install python3-venv)." >&2
        exit 1
    fi
    echo "$1"
    exit 0
fi

candidates="python3 python3.13 python3.12 python3.11 python3.10"
for condition in "$tested" "$check"; do
    for candidate in $candidates python; do
        if "$candidate" -c "$condition" 2>/dev/null && "$candidate" -c "$complete" 2>/dev/null; then
            echo "$candidate"
            exit 0
        fi
    done
done

for candidate in $candidates; do
    if "$candidate" -c "$check" 2>/dev/null; then
        echo "$candidate ($(version "$candidate")) has no venv or ensurepip module (Debian and Ubuntu: apt install python3-venv)." >&2
        exit 1
    fi
done
echo "The course needs Python 3.10 or newer, and found $(version python3 || echo none) as python3." >&2
echo "Install one, or name it: make PYTHON=/path/to/python3.12 ..." >&2
exit 1
