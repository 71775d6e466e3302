"""Names that vulture finds unused although something outside of this repository uses them. Each line has its reason."""

_.__getattr__  # Python calls the function of a module for a name that it does not define
_.list_commands  # click calls it
_.format_commands  # click calls it
_.trust  # kubeque/cli/program.py loads each command by its name
_.completion  # kubeque/cli/program.py loads each command by its name
_.show_help  # kubeque/cli/program.py loads each command by its name
_.iter_references  # Airflow 2 calls it on the outputs of upstream tasks
_.list_pools  # click registers it with @pool.command
_.resize_one  # click registers it with @pool.command
_.refresh_api_key_hook  # the Kubernetes client calls it before each request
_.process_renderables  # rich calls it before it draws
_.tempdir  # tempfile reads it
_.set_size  # fsspec calls it on its Callback
_.relative_update  # fsspec calls it on its Callback
_.cluster_name  # a field of Config, read by name while a configuration is loaded
_.start_cursor  # a field of Datastore's query message
_.op  # a field of Datastore's filter message
_.base_version  # a field of Datastore's mutation message
_.conflict_resolution_strategy  # a field of Datastore's mutation message
_._inherited  # keeps the connections of the parent process alive, so that the child does not close them
_.__call__  # a call of the object does not name its method
_.template_fields_renderers  # Airflow reads it from the operator's class
_.template_ext  # Airflow reads it from the operator's class
_.shallow_copy_attrs  # Airflow reads it from the operator's class
_.custom_operator_name  # Airflow reads it from the operator's class
_.ui_color  # Airflow reads it from the operator's class
_.dag_policy  # Airflow calls it by the entry point `airflow.policy`
_.execute_complete  # Airflow calls it by the name given to defer()
_.conn_name_attr  # Airflow reads it from the hook's class
_.default_conn_name  # Airflow reads it from the hook's class
_.hook_name  # Airflow reads it from the hook's class
_.get_connection_form_widgets  # Airflow calls it on the hook's class
_.get_ui_field_behaviour  # Airflow calls it on the hook's class
_.test_connection  # Airflow calls it for the button "Test" of a connection
_.get_link  # Airflow calls it on an operator's link
_.__annotations__  # FastAPI reads the types of an endpoint from it
_.KubequePlugin  # the entry point in setup.cfg names it
_.appbuilder_menu_items  # Airflow 2 reads it from the plugin's class
_.flask_blueprints  # Airflow 2 reads it from the plugin's class
_.external_views  # Airflow 3 reads it from the plugin's class
_.fastapi_apps  # Airflow 3 reads it from the plugin's class
_.pytestmark  # pytest reads it from a test module
_.log_message  # http.server calls it
_.handle_starttag  # html.parser calls it
_.handle_endtag  # html.parser calls it
_.handle_data  # html.parser calls it
_.OwnDags  # the Airflow of the tests loads it by its class path
_.Editors  # the Airflow of the tests loads it by its class path
_.callers  # a field of Airflow 2's ExecutorSafeguard
_.should_exit  # uvicorn's server reads it
_.gid  # tarfile reads it
_.gname  # tarfile reads it
_.uname  # tarfile reads it
_.format_options  # click calls it
_.format_epilog  # click calls it
_.templated  # docs/generate reads it to write the operators' template_fields
_._missing_  # enum calls it for a value that has no member
_.__dir__  # Python calls it for dir(kubeque)
_.maxstring  # reprlib reads it
_.maxother  # reprlib reads it
_.maxlevel  # reprlib reads it
_._execute_child  # subprocess.Popen calls it to start its program
_._child_created  # subprocess.Popen reads it
_._internal_poll  # subprocess.Popen calls it
_.prec  # the decimal module reads it
_.source_template  # click prints it as the completion script of a shell
_.get_openlineage_facets_on_complete  # the listener of Airflow's provider for OpenLineage calls it
_.use_listings_cache  # fsspec reads it
_.stages  # a template of a page reads it
_.is_failed  # a template of a report reads it
_.commenters  # shlex reads it
_.whitespace_split  # shlex reads it
