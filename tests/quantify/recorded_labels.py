"""Label lists as TotalSegmentator 2.18.0 (map_to_binary.py) and MOOSE 3.2.2 (mappings/SNOMED.py) have them.

Task `total` of TotalSegmentator is in netlesion.phantom.body.labels. Data only.
"""

TOTALSEGMENTATOR = {
    "total_v1": """
        spleen kidney_right kidney_left gallbladder liver stomach aorta inferior_vena_cava
        portal_vein_and_splenic_vein pancreas adrenal_gland_right adrenal_gland_left lung_upper_lobe_left
        lung_lower_lobe_left lung_upper_lobe_right lung_middle_lobe_right lung_lower_lobe_right vertebrae_L5
        vertebrae_L4 vertebrae_L3 vertebrae_L2 vertebrae_L1 vertebrae_T12 vertebrae_T11 vertebrae_T10
        vertebrae_T9 vertebrae_T8 vertebrae_T7 vertebrae_T6 vertebrae_T5 vertebrae_T4 vertebrae_T3 vertebrae_T2
        vertebrae_T1 vertebrae_C7 vertebrae_C6 vertebrae_C5 vertebrae_C4 vertebrae_C3 vertebrae_C2 vertebrae_C1
        esophagus trachea heart_myocardium heart_atrium_left heart_ventricle_left heart_atrium_right
        heart_ventricle_right pulmonary_artery brain iliac_artery_left iliac_artery_right iliac_vena_left
        iliac_vena_right small_bowel duodenum colon rib_left_1 rib_left_2 rib_left_3 rib_left_4 rib_left_5
        rib_left_6 rib_left_7 rib_left_8 rib_left_9 rib_left_10 rib_left_11 rib_left_12 rib_right_1 rib_right_2
        rib_right_3 rib_right_4 rib_right_5 rib_right_6 rib_right_7 rib_right_8 rib_right_9 rib_right_10
        rib_right_11 rib_right_12 humerus_left humerus_right scapula_left scapula_right clavicula_left
        clavicula_right femur_left femur_right hip_left hip_right sacrum face gluteus_maximus_left
        gluteus_maximus_right gluteus_medius_left gluteus_medius_right gluteus_minimus_left
        gluteus_minimus_right autochthon_left autochthon_right iliopsoas_left iliopsoas_right urinary_bladder
    """,
    "total_mr": """
        spleen kidney_right kidney_left gallbladder liver stomach pancreas adrenal_gland_right
        adrenal_gland_left lung_left lung_right esophagus small_bowel duodenum colon urinary_bladder prostate
        sacrum vertebrae intervertebral_discs spinal_cord heart aorta inferior_vena_cava
        portal_vein_and_splenic_vein iliac_artery_left iliac_artery_right iliac_vena_left iliac_vena_right
        humerus_left humerus_right scapula_left scapula_right clavicula_left clavicula_right femur_left
        femur_right hip_left hip_right gluteus_maximus_left gluteus_maximus_right gluteus_medius_left
        gluteus_medius_right gluteus_minimus_left gluteus_minimus_right autochthon_left autochthon_right
        iliopsoas_left iliopsoas_right brain
    """,
    "vertebrae_mr": """
        sacrum vertebrae_L5 vertebrae_L4 vertebrae_L3 vertebrae_L2 vertebrae_L1 vertebrae_T12 vertebrae_T11
        vertebrae_T10 vertebrae_T9 vertebrae_T8 vertebrae_T7 vertebrae_T6 vertebrae_T5 vertebrae_T4 vertebrae_T3
        vertebrae_T2 vertebrae_T1 vertebrae_C7 vertebrae_C6 vertebrae_C5 vertebrae_C4 vertebrae_C3 vertebrae_C2
        vertebrae_C1
    """,
    "head_glands_cavities": """
        eye_left eye_right eye_lens_left eye_lens_right optic_nerve_left optic_nerve_right parotid_gland_left
        parotid_gland_right submandibular_gland_right submandibular_gland_left nasopharynx oropharynx
        hypopharynx nasal_cavity_right nasal_cavity_left auditory_canal_right auditory_canal_left soft_palate
        hard_palate
    """,
    "headneck_bones_vessels": """
        larynx_air thyroid_cartilage hyoid cricoid_cartilage zygomatic_arch_right zygomatic_arch_left
        styloid_process_right styloid_process_left internal_carotid_artery_right internal_carotid_artery_left
        internal_jugular_vein_right internal_jugular_vein_left
    """,
    "trunk_cavities": """
        abdominal_cavity thoracic_cavity pericardium mediastinum
    """,
    "appendicular_bones": """
        patella tibia fibula tarsal metatarsal phalanges_feet ulna radius carpal metacarpal phalanges_hand
    """,
    "body": """
        body_trunc body_extremities
    """,
    "breasts": """
        breast
    """,
    "craniofacial_structures": """
        mandible teeth_lower skull head sinus_maxillary sinus_frontal teeth_upper
    """,
    "heartchambers_highres": """
        heart_myocardium heart_atrium_left heart_ventricle_left heart_atrium_right heart_ventricle_right aorta
        pulmonary_artery
    """,
    "liver_segments": """
        liver_segment_1 liver_segment_2 liver_segment_3 liver_segment_4 liver_segment_5 liver_segment_6
        liver_segment_7 liver_segment_8
    """,
    "tissue_types": """
        subcutaneous_fat torso_fat skeletal_muscle
    """,
    "kidney_cysts": """
        kidney_cyst_left kidney_cyst_right
    """,
    "vertebrae_body": """
        vertebrae_body intervertebral_discs
    """,
    "face": """
        face
    """,
    "brain_structures": """
        brainstem subarachnoid_space venous_sinuses septum_pellucidum cerebellum caudate_nucleus
        lentiform_nucleus insular_cortex internal_capsule ventricle central_sulcus frontal_lobe parietal_lobe
        occipital_lobe temporal_lobe thalamus
    """,
    "lung_nodules": """
        lung lung_nodules
    """,
    "liver_lesions": """
        liver_lesions
    """,
}
MOOSE = """
    heart_myocardium heart_atrium_left heart_atrium_right heart_ventricle_left heart_ventricle_right aorta
    iliac_artery_left iliac_artery_right iliac_vena_left iliac_vena_right inferior_vena_cava portal_splenic_vein
    pulmonary_artery colon duodenum esophagus small_bowel autochthon_left autochthon_right gluteus_maximus_left
    gluteus_maximus_right gluteus_medius_left gluteus_medius_right gluteus_minimus_left gluteus_minimus_right
    iliopsoas_left iliopsoas_right adrenal_gland_left adrenal_gland_right bladder brain gallbladder kidney_left
    kidney_right liver lung_lower_lobe_left lung_lower_lobe_right lung_middle_lobe_right lung_upper_lobe_left
    lung_upper_lobe_right pancreas spleen stomach thyroid_left thyroid_right trachea carpal_left carpal_right
    clavicle_left clavicle_right femur_left femur_right fibula_left fibula_right fingers_left fingers_right
    humerus_left humerus_right metacarpal_left metacarpal_right metatarsal_left metatarsal_right patella_left
    patella_right radius_left radius_right scapula_left scapula_right skull tarsal_left tarsal_right tibia_left
    tibia_right toes_left toes_right ulna_left ulna_right rib_left_1 rib_left_2 rib_left_3 rib_left_4 rib_left_5
    rib_left_6 rib_left_7 rib_left_8 rib_left_9 rib_left_10 rib_left_11 rib_left_12 rib_left_13 rib_right_1
    rib_right_2 rib_right_3 rib_right_4 rib_right_5 rib_right_6 rib_right_7 rib_right_8 rib_right_9 rib_right_10
    rib_right_11 rib_right_12 rib_right_13 sternum vertebra_C1 vertebra_C2 vertebra_C3 vertebra_C4 vertebra_C5
    vertebra_C6 vertebra_C7 vertebra_T1 vertebra_T2 vertebra_T3 vertebra_T4 vertebra_T5 vertebra_T6 vertebra_T7
    vertebra_T8 vertebra_T9 vertebra_T10 vertebra_T11 vertebra_T12 vertebra_L1 vertebra_L2 vertebra_L3 vertebra_L4
    vertebra_L5 vertebra_L6 hip_left hip_right sacrum skeletal_muscle subcutaneous_fat visceral_fat
"""
