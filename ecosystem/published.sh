# shellcheck shell=bash
# To be sourced, with `here` set to this folder.

# published_workspace FOLDER: makes FOLDER a copy of this workspace without the patch, with published.lock.
published_workspace() {
    local manifest
    rm -rf "$1"
    mkdir -p "$1"
    for manifest in "$here"/*/Cargo.toml; do
        cp -Rp "${manifest%/Cargo.toml}" "$1/"
    done
    sed '/^\[patch\.crates-io\]/,/^$/d' "$here/Cargo.toml" >"$1/Cargo.toml"
    cp "$here/published.lock" "$1/Cargo.lock"
}

# check_tokio RUN: fails unless the workspace that we are in has RUN's tokio: "gmp" or "published". Prints it.
check_tokio() {
    local tokio
    tokio=$(cargo tree --quiet --invert tokio --depth 0 --prefix none | head -1)
    case $1,$tokio in
        gmp,"tokio v1.999."* | published,"tokio v1."[0-8]*) echo "on $tokio" ;;
        *) echo "the wrong tokio: $tokio" >&2; return 1 ;;
    esac
}
