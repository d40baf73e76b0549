# cmake -D build=DIR -D name=NAME ... -P: packs what is installed, with the portable programs in place of the others. The
# same bytes each time.
set(staging ${build}/tarball)
set(root ${staging}/${name})
file(REMOVE_RECURSE ${staging})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${build} --strip --prefix ${root} OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE_RECURSE ${root}/bin)
file(GLOB programs ${build}/portable/bin/*)
file(COPY ${programs} DESTINATION ${root}/bin)
file(GLOB programs ${root}/bin/*)
execute_process(COMMAND ${strip} ${programs} COMMAND_ERROR_IS_FATAL ANY)

# The oldest glibc that has all that the programs ask for: it differs with the machine that built them.
set(needed_glibc 0)
foreach(program ${programs})
  execute_process(COMMAND ${objdump} -T ${program} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "GLIBC_[0-9.]+" versions "${symbols}")
  list(REMOVE_DUPLICATES versions)
  foreach(version ${versions})
    string(REPLACE GLIBC_ "" version ${version})
    if(version VERSION_GREATER needed_glibc)
      set(needed_glibc ${version})
    endif()
  endforeach()
endforeach()
configure_file(${readme} ${root}/README @ONLY)

foreach(pair ${licences})
  string(REGEX MATCH "^([^=]+)=(.+)$" pair ${pair})
  set(text /usr/share/doc/${CMAKE_MATCH_2}/copyright)
  if(NOT EXISTS ${text})
    message(FATAL_ERROR "${text} does not exist, and a tarball must not go without the licence of ${CMAKE_MATCH_1}: install ${CMAKE_MATCH_2} with its documentation.")
  endif()
  # Some packages' documentation is a link to another's.
  file(REAL_PATH ${text} text)
  file(COPY_FILE ${text} ${staging}/licence)
  file(INSTALL ${staging}/licence DESTINATION ${root}/licenses RENAME ${CMAKE_MATCH_1})
endforeach()
foreach(text Apache-2.0 GPL-3 LGPL-2.1)
  file(INSTALL /usr/share/common-licenses/${text} DESTINATION ${root}/licenses)
endforeach()

file(MAKE_DIRECTORY ${output})
string(REGEX MATCH "[^-]+$" architecture ${name})
file(GLOB older ${output}/rocekit-*-${architecture}.tar.gz)
foreach(file ${older})
  file(REMOVE ${file})
endforeach()
execute_process(COMMAND tar --sort=name --mtime=@${source_date} --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX
                        --format=gnu -C ${staging} -c ${name}
                COMMAND gzip -9n
                OUTPUT_FILE ${output}/${name}.tar.gz COMMAND_ERROR_IS_FATAL ANY)
message(STATUS "${output}/${name}.tar.gz")
