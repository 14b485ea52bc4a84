#!/bin/sh
# Remove installers, documentation and static libraries from a base image, unpacked in the folder $1: `base.sh /base`.
set -eu
packages=$(dpkg-query --admindir "$1/var/lib/dpkg" --showformat '${Package} ' --show apt 'libapt-pkg*' perl-base)
# shellcheck disable=SC2086 # several packages
dpkg --root "$1" --purge --force-depends --force-remove-essential --force-remove-protected $packages > /dev/null

cd "$1/usr/local"
rm -rf include share/man bin/pip* bin/idle* bin/pydoc* bin/2to3* bin/python*-config lib/pkgconfig
(
    cd lib/python3.12
    rm -rf config-* ensurepip idlelib lib2to3 pydoc_data tkinter turtledemo site-packages/*
    find . -name __pycache__ -exec rm -r {} +
)
# Without bytecode, every process would compile these modules when it starts: the file system is read-only.
python -m compileall -q -s "$1" -p / -x '/(encodings|unittest|xmlrpc|distutils|curses)/' "$1/usr/local/lib/python3.12"
find lib -name '*.so*' -type f -exec strip --strip-debug {} +
cd "$1"
rm -rf var/cache/* var/lib/apt/lists/* var/log/* usr/share/man usr/share/info usr/share/locale usr/share/lintian
# The licences stay.
find usr/share/doc -type f ! -name copyright -delete
# Processes run as an ordinary user, and none may become root.
find . -xdev -type f -perm /6000 -exec chmod a-s {} +
