# Guides and examples in one tree, so that the links from one to another hold where they are installed.
set(documents ${CMAKE_INSTALL_DATAROOTDIR}/doc/rocekit)
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md DESTINATION ${documents} COMPONENT tools)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs DESTINATION ${documents} COMPONENT tools)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/examples DESTINATION ${documents} COMPONENT tools USE_SOURCE_PERMISSIONS)

# rocekit_install_manual(TOOL COMPONENT): what the target `manuals` wrote of a tool.
function(rocekit_install_manual tool component)
  install(FILES ${CMAKE_BINARY_DIR}/man/${tool}.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8 COMPONENT ${component})
  install(FILES ${CMAKE_BINARY_DIR}/completions/bash/${tool} DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/bash-completion/completions
          COMPONENT ${component})
  install(FILES ${CMAKE_BINARY_DIR}/completions/zsh/_${tool} DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/zsh/vendor-completions
          COMPONENT ${component})
  install(FILES ${CMAKE_BINARY_DIR}/completions/fish/${tool}.fish DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/fish/vendor_completions.d
          COMPONENT ${component})
endfunction()

if(TARGET manuals)
  rocekit_install_manual(roce-probe tools)
  rocekit_install_manual(roce-pingpong tools)
  rocekit_install_manual(roce-preflight tools)
  rocekit_install_manual(nccl-pattern gpu)
endif()
